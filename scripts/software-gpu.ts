// A GPU and a browser for machines that have neither, out of the npm package @sparticuz/chromium: it ships a headless Chromium,
// SwiftShader (Vulkan on the CPU) and the Vulkan loader as brotli files. They are unpacked once into node_modules/.cache.
// Linux on x64 only; elsewhere Node and an installed browser bring their own. It knows nothing of tests or of WebGPU itself.
// Read next: vitest.config.ts, which sets the environment, and test/browser/run.ts, which starts the browser.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { withLock } from "./files.ts";

const decompress = promisify(brotliDecompress);
const packaged = "node_modules/@sparticuz/chromium";

export interface SoftwareGpu {
  /** Folder of libvulkan.so.1, libvk_swiftshader.so and its description: what Dawn in Node needs. */
  readonly gpu: string;
  /** Folder of the shared libraries that a bare system lacks for Chromium (nss, nspr, expat). */
  readonly libraries: string;
  /** The Chromium executable; its own SwiftShader lies beside it. */
  readonly chromium: string;
}

/** Unpacks what is not there yet and says where it lies; undefined where the package has nothing for this machine. */
export async function unpackSoftwareGpu(): Promise<SoftwareGpu | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64" || !existsSync(packaged)) return undefined;
  const { version } = JSON.parse(readFileSync(join(packaged, "package.json"), "utf8")) as { version: string };
  const cache = resolve("node_modules/.cache/athanor");
  const folder = join(cache, `chromium-${version}`);
  const found: SoftwareGpu = { gpu: folder, libraries: join(folder, "lib"), chromium: join(folder, "chromium") };
  if (existsSync(folder)) return found;
  await withLock(join(cache, "unpack.lock"), async () => {
    if (existsSync(folder)) return;
    const unfinished = `${folder}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    const [chromium, swiftshader, system] = await Promise.all([
      unbrotli("chromium.br"),
      unbrotli("swiftshader.tar.br"),
      unbrotli("al2023.tar.br"),
    ]);
    writeFileSync(join(unfinished, "chromium"), chromium, { mode: 0o755 });
    untar(swiftshader, unfinished);
    untar(system, join(unfinished, "lib"));
    renameSync(unfinished, folder);
  });
  return found;
}

/**
 * Environment for a Node process whose `webgpu` package shall find SwiftShader. The dynamic loader reads it when a
 * process starts: set it for a child, not for yourself. A machine with a GPU of its own keeps it with ATHANOR_GPU=native.
 */
export function gpuEnvironment({ gpu }: SoftwareGpu): Record<string, string> {
  // A native GPU brings its driver; the loader that finds drivers is often missing all the same.
  if (process.env.ATHANOR_GPU === "native") return { LD_LIBRARY_PATH: prepend(gpu) };
  const description = join(gpu, "vk_swiftshader_icd.json");
  return { LD_LIBRARY_PATH: prepend(gpu), VK_DRIVER_FILES: description, VK_ICD_FILENAMES: description };
}

/** Environment for the unpacked Chromium. */
export function browserEnvironment({ gpu, libraries }: SoftwareGpu): Record<string, string> {
  return { LD_LIBRARY_PATH: prepend(`${gpu}:${libraries}`) };
}

function prepend(folders: string): string {
  const inherited = process.env.LD_LIBRARY_PATH;
  return inherited === undefined || inherited === "" ? folders : `${folders}:${inherited}`;
}

async function unbrotli(name: string): Promise<Buffer> {
  return decompress(readFileSync(join(packaged, "bin", name)));
}

/** Writes the plain files of a tar archive into one folder, without their paths: these archives are flat. */
function untar(archive: Buffer, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const text = (start: number, length: number): string => {
    const field = archive.subarray(start, start + length);
    const end = field.indexOf(0);
    return field.toString("latin1", 0, end < 0 ? length : end);
  };
  // A tar archive is blocks of 512 bytes: a header (name at 0, octal size at 124, type at 156), then the content.
  for (let offset = 0; offset + 512 <= archive.length && archive[offset] !== 0;) {
    const name = basename(text(offset, 100));
    const size = Number.parseInt(text(offset + 124, 12), 8);
    const type = text(offset + 156, 1);
    const content = archive.subarray(offset + 512, offset + 512 + size);
    if (type === "0" || type === "") writeFileSync(join(folder, name), content, { mode: 0o755 });
    offset += 512 + Math.ceil(size / 512) * 512;
  }
}
