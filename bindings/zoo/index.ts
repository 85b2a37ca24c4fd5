// Complete models: the public face of bindings/zoo.
export { LeNet5 } from "./lenet.ts";
