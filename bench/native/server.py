# NumPy and PyTorch as contenders of bench/native/race.ts: one JSON request a line on the standard input, one reply a line.
# Computes the tasks of ../work/task.ts and the nets of ../work/nets.ts. Needs Debian's python3-numpy and python3-torch.
import ctypes
import json
import math
import sys
import time

import numpy

import nets

libraries = {"numpy": numpy.__version__}
try:
    import torch
    import torch.nn.functional as F

    libraries["torch"] = torch.__version__
except ImportError:
    torch = None


def blas_kernel():
    """The kernels that OpenBLAS has chosen for this processor."""
    try:
        with open("/proc/self/maps") as maps:
            path = next(line.split()[-1] for line in maps if "openblas" in line)
        corename = ctypes.CDLL(path).openblas_get_corename
        corename.restype = ctypes.c_char_p
        return "OpenBLAS " + corename().decode()
    except (OSError, StopIteration, AttributeError):
        return "unknown BLAS"


def torch_kernels():
    lines = torch.__config__.show().splitlines()
    return "; ".join(line.strip(" -") for line in lines if "capability" in line or "MKL-DNN" in line)


def product(task, transpose):
    turned = task["transposed"]
    return lambda x, y: (transpose(x) if turned == "a" else x) @ (transpose(y) if turned == "b" else y)


def with_numpy(task, x, y=None, z=None, *_):
    """A function of no arguments; its result is an array."""
    op = task["op"]
    if op == "matmul":
        multiply = product(task, numpy.transpose)
        return lambda: multiply(x, y)
    if op == "map":
        one = numpy.float32(1)
        a, b, half, cubic, root = (numpy.float32(c) for c in (1.1, 0.1, 0.5, 0.044715, math.sqrt(2 / math.pi)))

        def gelu():
            v = x * a + b
            return v * half * (numpy.tanh((v * v * v * cubic + v) * root) + one)

        return {
            "add": lambda: x + y,
            "exp": lambda: numpy.exp(x),
            "tanh": lambda: numpy.tanh(x),
            "sigmoid": lambda: one / (one + numpy.exp(-x)),
            "gelu": gelu,
        }[task["name"]]
    if op == "sum":
        return lambda: numpy.sum(x)
    if op == "softmax":

        def softmax():
            powers = numpy.exp(x - x.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)

        return softmax
    if op == "layerNorm":

        def layer_norm():
            centred = x - x.mean(axis=1, keepdims=True)
            variance = numpy.mean(centred * centred, axis=1, keepdims=True)
            return centred / numpy.sqrt(variance + numpy.float32(1e-5)) * y + z

        return layer_norm
    if op == "eigh":
        return lambda: numpy.linalg.eigh(x)[0]
    return None


def channels_first(x):
    return x.permute(0, 3, 1, 2).contiguous()


def channels_last(x):
    return x.permute(0, 2, 3, 1)


def outputs_first(filters):
    return filters.permute(3, 2, 0, 1).contiguous()


def convolution(task, x, y):
    edge, window, stride = task["edge"], task["window"], task["stride"]
    groups = task["inputs"] if task["depthwise"] else 1
    total = max(0, (-(-edge // stride) - 1) * stride + window - edge)
    before, after = total // 2, total - total // 2
    side = before
    backward = torch.ops.aten.convolution_backward
    if task["gives"] == "inputGradient":
        dy, filters = channels_first(x), outputs_first(y)
        image = torch.zeros(task["batch"], task["inputs"], edge, edge)
        mask = [True, False, False]
        return lambda: backward(dy, image, filters, None, [stride] * 2, [side] * 2, [1, 1], False, [0, 0], groups, mask)[0]
    image = channels_first(x)
    if before != after:
        # It pads both sides alike; what it would have to copy is copied before.
        image, side = F.pad(image, (before, after, before, after)), 0
    if task["gives"] == "output":
        filters = outputs_first(y)
        return lambda: F.conv2d(image, filters, None, stride, side, 1, groups)
    dy = channels_first(y)
    filters = torch.zeros(task["outputs"], task["inputs"] // groups, window, window)
    mask = [False, True, False]
    return lambda: backward(dy, image, filters, None, [stride] * 2, [side] * 2, [1, 1], False, [0, 0], groups, mask)[1]


def pooling(task, x, y=None):
    image = channels_first(x)
    window, stride = [task["window"]] * 2, [task["stride"]] * 2
    pool = F.max_pool2d if task["kind"] == "max" else F.avg_pool2d
    if task["gives"] == "output":
        return lambda: pool(image, window, stride)
    dy = channels_first(y)
    if task["kind"] == "avg":
        backward = torch.ops.aten.avg_pool2d_backward
        return lambda: backward(dy, image, window, stride, [0, 0], False, True, None)
    places = F.max_pool2d(image, window, stride, return_indices=True)[1]
    backward = torch.ops.aten.max_pool2d_with_indices_backward
    return lambda: backward(dy, image, window, stride, [0, 0], [1, 1], False, places)


def with_torch(task, *arrays):
    op = task["op"]
    tensors = [torch.from_numpy(array) for array in arrays]
    if op == "train":
        return nets.training(task, *tensors)
    if op == "infer":
        return nets.inference(task, *tensors)
    if op == "conv":
        return convolution(task, *tensors)
    if op == "pool":
        return pooling(task, *tensors)
    x, y, z = (tensors + [None, None])[:3]
    if op == "matmul":
        multiply = product(task, torch.t)
        return lambda: multiply(x, y)
    if op == "map":
        return {
            "add": lambda: x + y,
            "exp": lambda: torch.exp(x),
            "tanh": lambda: torch.tanh(x),
            "sigmoid": lambda: torch.sigmoid(x),
            "gelu": lambda: F.gelu(x * 1.1 + 0.1, approximate="tanh"),
        }[task["name"]]
    if op == "sum":
        return lambda: torch.sum(x)
    if op == "softmax":
        return lambda: torch.softmax(x, 1)
    if op == "layerNorm":
        return lambda: F.layer_norm(x, x.shape[1:], y, z, 1e-5)
    if op == "attention":
        return attention(task, *tensors)
    if op == "eigh":
        return lambda: torch.linalg.eigh(x)[0]
    return None


def attention(task, query, key, value, slope=None):
    def output():
        scores = torch.bmm(query, key.transpose(1, 2)) / task["depth"] ** 0.5
        return torch.bmm(torch.softmax(scores, 2), value)

    def gradients():
        with torch.enable_grad():
            return torch.autograd.grad(output(), [query, key, value], slope)[0]

    if slope is None:
        return output
    for operand in (query, key, value):
        operand.requires_grad_(True)
    return gradients


def to_bytes(task, result):
    """As everyone gives it: images NHWC, filters HWIO, f32."""
    if not isinstance(result, (numpy.ndarray, numpy.generic)):
        result = result.detach()
        if result.dim() == 4:
            is_filter = task.get("gives") == "filterGradient"
            result = result.permute(2, 3, 1, 0) if is_filter else channels_last(result)
        result = result.contiguous().numpy()
    return numpy.ascontiguousarray(result, dtype=numpy.float32).tobytes()


def main(threads):
    if torch is not None:
        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
    details = blas_kernel() + ("" if torch is None else "; torch: " + torch_kernels())
    print(json.dumps({"libraries": libraries, "details": details}), flush=True)
    task, run, last = None, None, None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {}
            if request["do"] == "prepare":
                task = request["task"]
                task["layers"] = request.get("layers")
                dtype = numpy.float64 if task.get("dtype") == "f64" else numpy.float32
                data = numpy.fromfile(request["file"], dtype=dtype)
                arrays, start = [], 0
                for shape in request["shapes"]:
                    size = math.prod(shape)
                    arrays.append(data[start : start + size].reshape(shape).copy())
                    start += size
                prepare = with_numpy if request["library"] == "numpy" else with_torch
                run = prepare(task, *arrays)
                reply["supported"] = run is not None
            elif request["do"] == "run":
                began = time.perf_counter()
                for _ in range(request["runs"]):
                    last = run()
                reply["milliseconds"] = 1000 * (time.perf_counter() - began) / request["runs"]
            elif request["do"] == "result":
                with open(request["file"], "wb") as file:
                    file.write(to_bytes(task, last))
        except Exception as error:  # The other side makes a row of it.
            reply = {"problem": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


main(int(sys.argv[1]))
