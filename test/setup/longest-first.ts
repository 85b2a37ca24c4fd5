// Vitest sequencer: on a fresh checkout, where it is not known how long files take, Vitest starts with the largest ones, and the
// files that run a whole suite, or compile large shaders, are short. Two workers would end with one of them idle for minutes.
// Read next: vitest.config.ts.
import { BaseSequencer, type TestSpecification } from "vitest/node";

const longest =
  /(?:browser\/browser|browser\/site|conformance(?:-\w+)?|webgpu\/(?:products|subgroups)|agreement)\.test\.ts$/;

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => longest.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
