// The errors of athanor. Each names the op, says what was expected, what came, and what to do.
// Knows nothing of tensors or devices: messages arrive as finished text.
// Read next: dtype.ts and shape.ts, which raise most of them.

/** Base of every error athanor throws on purpose. `op` is the name of the function that refused. */
export class AthanorError extends Error {
  // Written out in every class: what minifies a program renames its classes.
  override readonly name: string = "AthanorError";
  /** Name of the op or function that refused its input. */
  readonly op: string;

  constructor(op: string, message: string, options?: ErrorOptions) {
    super(`${op}: ${message}`, options);
    this.op = op;
  }
}

/** Shapes, axes or sizes do not fit together. */
export class ShapeError extends AthanorError {
  override readonly name: string = "ShapeError";
}

/** An element type does not fit the op or the device. */
export class DTypeError extends AthanorError {
  override readonly name: string = "DTypeError";
}

/** A tensor was used after it was disposed. */
export class DisposedError extends AthanorError {
  override readonly name: string = "DisposedError";
}

/** A device is missing, lost, out of memory, or cannot do what was asked. */
export class BackendError extends AthanorError {
  override readonly name: string = "BackendError";
}

/** An option or argument is out of its range. */
export class ParameterError extends AthanorError {
  override readonly name: string = "ParameterError";
}

/** A matrix for which a decomposition does not exist, or an iteration that did not converge: found while computing. */
export class LinAlgError extends AthanorError {
  override readonly name: string = "LinAlgError";
}

/** A gradient that differences of the values do not confirm: see gradcheck. */
export class GradientError extends AthanorError {}

/** A file or a serialised value is truncated or malformed. */
export class FormatError extends AthanorError {
  override readonly name: string = "FormatError";
}
