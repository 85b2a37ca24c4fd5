// Typed lint at its strictest over everything that is TypeScript, kernels included. A rule that is off has its reason beside it.
// Formatting is Prettier's. Read next: tsconfig.json and assembly/tsconfig.json, where the types come from.
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const memoryBuffer = {
  selector:
    "MemberExpression[property.name='buffer'][object.name='memory'], MemberExpression[property.name='buffer'][object.property.name='memory']",
  message: "Views of WebAssembly memory die when it grows: only bindings/backends/wasm/heap.ts makes them.",
};
const unseeded = {
  selector: "MemberExpression[object.name='Math'][property.name='random']",
  message: "Results must repeat from a seed: use the counter-based generator in bindings/random.",
};
const wallClock = {
  selector: "MemberExpression[object.name='Date'][property.name='now']",
  message: "Date.now() jumps with the system clock: use performance.now().",
};
const defaultExport = {
  selector: "ExportDefaultDeclaration",
  message: "Default exports have no name to search for: export by name.",
};
const enumeration = {
  selector: "TSEnumDeclaration",
  message: "Use a union of strings: it prints itself and erases.",
};

export default defineConfig(
  globalIgnores(["dist/", "build/", "docs/", "bench/peers/", "**/generated/", "**/*.mjs", "vitest.config.ts"]),
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "max-lines": ["error", { max: 400 }],
      "no-restricted-syntax": ["error", memoryBuffer, unseeded, wallClock, defaultExport, enumeration],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      // Numbers print themselves; wrapping each in String() hides the message that is being built.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // `while (true)` with a return inside says what it is.
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: true }],
      // A parameter that an interface demands and a function ignores is named with a leading underscore.
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", caughtErrors: "none" }],
      // Arrow functions that forward a call returning void read better than a block of one statement.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // A public constant says `number`, so that its value does not become part of the API as a literal type.
      "@typescript-eslint/no-inferrable-types": "off",
      // `x!` at an index that a loop bound proves: with noUncheckedIndexedAccess the alternative is a check that never fails.
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  {
    // The one place that makes views of WebAssembly memory, and the one that a worker has.
    files: ["bindings/backends/wasm/heap.ts", "bindings/backends/wasm/table-log.ts"],
    rules: { "no-restricted-syntax": ["error", unseeded, wallClock, defaultExport, enumeration] },
  },
  {
    // Tests hold tables that are long by nature, look into memories, and draw unseeded values only through fast-check.
    files: ["test/**/*.ts"],
    rules: {
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      "no-restricted-syntax": ["error", unseeded, wallClock, defaultExport, enumeration],
    },
  },
  {
    files: ["assembly/**/*.ts"],
    rules: {
      // In AssemblyScript a cast between number types is a conversion; TypeScript sees aliases of `number`.
      "@typescript-eslint/no-unnecessary-type-assertion": "off",
      // `0 as f32`, `sizeof<T>() == 4`, `isInteger<T>()`: constants to the compiler of kernels, not to tsc, and the reverse.
      "@typescript-eslint/no-unnecessary-condition": "off",
      "@typescript-eslint/no-unnecessary-type-conversion": "off",
      // Functors are classes of inlined methods without state: the form that AssemblyScript inlines through generics.
      "@typescript-eslint/no-extraneous-class": "off",
      "@typescript-eslint/class-methods-use-this": "off",
      // A type parameter that only names the functor or the element type, `loadLanes<f32>(pointer)`, is AssemblyScript's idiom.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      // AssemblyScript has no `import type`, no `??` and no `for…of`.
      "@typescript-eslint/consistent-type-imports": "off",
      "@typescript-eslint/prefer-for-of": "off",
      "@typescript-eslint/prefer-nullish-coalescing": "off",
    },
  },
);
