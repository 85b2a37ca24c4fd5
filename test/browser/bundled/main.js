// Computes in the page and then in a worker, and leaves what came out where the test looks. Read next: compute.js.
import { compute } from "./compute.js";

const inWorker = () =>
  new Promise((resolve) => {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve(`the worker failed: ${message}`);
  });

const page = await compute().catch((error) => String(error?.stack ?? error));
document.body.dataset.result = JSON.stringify({ page, worker: await inWorker() });
