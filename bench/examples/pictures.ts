// Pictures compressed by principal component analysis: prints what k directions keep of each and what they take, and draws what
// is left into build/pictures. `npm run pictures`, or with PNG files of one's own `npm run pictures -- a.png b.png`.
// Read next: principal-components.ts for the analysis.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { init, shutdown } from "../../bindings/engine/index.ts";
import { readPng, writePng } from "./png.ts";
import { componentsOf, directionsFor, packed, retained, signalToNoise } from "./principal-components.ts";

const counts = [1, 10, 20, 50, 100, 200];
const wanted = 0.95;

const given = process.argv.slice(2);
const paths = given.length > 0 ? given : ["bench/examples/pictures/camera.png", "bench/examples/pictures/chelsea.png"];
const target = "build/pictures";

await mkdir(target, { recursive: true });
await init({ webgpu: "off", tune: "off" });
for (const path of paths) {
  const source = await readFile(path);
  const picture = readPng(source);
  const begin = performance.now();
  const components = await componentsOf(picture);
  const milliseconds = performance.now() - begin;
  const name = basename(path, ".png");
  const kind = picture.channels === 1 ? "grey" : "colour";
  const raw = picture.data.length;
  console.log(
    `${name}: ${String(picture.width)}×${String(picture.height)}, ${kind}, ${String(raw)} bytes; all components in ${milliseconds.toFixed(0)} ms`,
  );
  console.log("    k   variance kept   bytes   of the pixels   of the PNG      PSNR");
  const chosen = directionsFor(components, wanted);
  const list = [...new Set([...counts, chosen])].filter((k) => k <= components.variances.length).sort((a, b) => a - b);
  for (const k of list) {
    const { file, picture: result } = await packed(components, k);
    const noise = await signalToNoise(picture, result);
    await writeFile(`${target}/${name}-${String(k)}.png`, writePng(result));
    console.log(
      [
        String(k).padStart(5),
        `${(100 * retained(components, k)).toFixed(2)} %`.padStart(16),
        String(file.length).padStart(8),
        `${((100 * file.length) / raw).toFixed(1)} %`.padStart(16),
        `${((100 * file.length) / source.length).toFixed(1)} %`.padStart(13),
        `${noise.toFixed(1)} dB`.padStart(10),
        k === chosen ? `   the fewest for ${String(100 * wanted)} %` : "",
      ].join(""),
    );
  }
}
console.log(`drawn into ${target}`);
await shutdown();
