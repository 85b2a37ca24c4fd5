// The same in a worker. Read next: compute.js.
import { compute } from "./compute.js";

compute().then(
  (result) => postMessage(result),
  (error) => postMessage(String(error?.stack ?? error)),
);
