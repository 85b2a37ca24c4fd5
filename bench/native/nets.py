# The nets of ../work/nets.ts in PyTorch, channels first. Read next: server.py.
import torch
import torch.nn.functional as F


def filters(weight):
    return weight.permute(3, 2, 0, 1).contiguous() if weight.dim() == 4 else weight


def mlp(p, x):
    return torch.addmm(p[3], torch.relu(torch.addmm(p[1], x, p[0])), p[2])


def lenet(p, x):
    coarse = F.max_pool2d(torch.relu(F.conv2d(x, p[0], p[1], padding=2)), 2)
    fine = F.max_pool2d(torch.relu(F.conv2d(coarse, p[2], p[3])), 2)
    hidden = torch.relu(torch.addmm(p[5], fine.flatten(1), p[4]))
    hidden = torch.relu(torch.addmm(p[7], hidden, p[6]))
    return torch.addmm(p[9], hidden, p[8])


def resblock(p, x):
    def normalised(y, scale, shift):
        return F.batch_norm(y, None, None, scale, shift, training=True, eps=1e-5)

    middle = torch.relu(normalised(F.conv2d(x, p[0], padding=1), p[1], p[2]))
    y = normalised(F.conv2d(middle, p[3], padding=1), p[4], p[5])
    return torch.addmm(p[7], torch.relu(y + x).mean((2, 3)), p[6])


class Recurrent:
    """Its own LSTM, whose second bias stays zero."""

    def __init__(self, wx, wh, bias, w, b):
        self.cell = torch.nn.LSTM(wx.shape[0], wh.shape[0], batch_first=True)
        self.cell.weight_ih_l0.data.copy_(wx.t())
        self.cell.weight_hh_l0.data.copy_(wh.t())
        self.cell.bias_ih_l0.data.copy_(bias)
        self.cell.bias_hh_l0.data.zero_()
        self.cell.bias_hh_l0.requires_grad_(False)
        self.head = [w.clone().requires_grad_(), b.clone().requires_grad_()]
        self.parameters = [p for p in self.cell.parameters() if p.requires_grad] + self.head

    def __call__(self, _, x):
        outputs, _ = self.cell(x)
        return torch.addmm(self.head[1], outputs[:, -1], self.head[0])


def training(task, x, y, *values):
    """A step: forward, backward and update; gives the loss before it."""
    name = task["net"]
    if name == "lstm":
        net = Recurrent(*values)
        parameters = net.parameters
    else:
        net = {"mlp": mlp, "lenet": lenet, "resblock": resblock}[name]
        given = [filters(value) for value in values]
        if name == "lenet":
            # The first dense layer takes what the convolutions left, channels first.
            given[4] = given[4].reshape(5, 5, 16, -1).permute(2, 0, 1, 3).reshape(400, -1)
        parameters = [value.clone().requires_grad_() for value in given]
    if x.dim() == 4:
        x = x.permute(0, 3, 1, 2).contiguous()
    classes = y.long()
    rate = {"mlp": 0.001, "lenet": 0.01, "resblock": 0.01, "lstm": 0.1}[name]
    rule = torch.optim.Adam(parameters, lr=rate) if name == "mlp" else torch.optim.SGD(parameters, lr=rate)

    def step():
        with torch.enable_grad():
            rule.zero_grad(set_to_none=True)
            loss = F.cross_entropy(net(parameters, x), classes)
            loss.backward()
        rule.step()
        return loss

    return step


def inference(task, image, *values):
    """The logits of an image, layer by layer."""
    given = [filters(value) for value in values]
    image = image.permute(0, 3, 1, 2).contiguous()

    def run():
        results, parameters = [image], iter(given)
        for layer in task["layers"]:
            x, kind = results[layer["of"]], layer["kind"]
            if kind == "conv":
                groups = layer["inputs"] if layer["depthwise"] else 1
                y = F.conv2d(x, next(parameters), next(parameters), layer["stride"], layer["window"] // 2, 1, groups)
                if "plus" in layer:
                    y += results[layer["plus"]]
                results.append(torch.relu_(y) if layer["relu"] else y)
            elif kind == "maxPool":
                results.append(F.max_pool2d(x, layer["window"], layer["stride"], layer["window"] // 2))
            elif kind == "mean":
                results.append(x.mean((2, 3)))
            else:
                weight, bias = next(parameters), next(parameters)
                results.append(torch.addmm(bias, x, weight))
        return results[-1]

    return run
