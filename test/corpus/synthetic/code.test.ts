import { describe, expect, it } from "vitest";
import { code } from "../../../src/corpus/synthetic/code.js";

describe("code", () => {
  it("removes the indentation of the template", () => {
    expect(code`
      def f():
          return ${1}
    `).toBe("def f():\n    return 1");
  });

  it("indents a value of several lines as the line it stands in", () => {
    expect(code`
      for x in xs:
          ${"if x:\n    print(x)"}
    `).toBe("for x in xs:\n    if x:\n        print(x)");
  });

  it("leaves out a line that holds nothing but an empty value", () => {
    const body = "pass";
    expect(code`
      ${""}
      def f():
          ${""}
          ${body}
          ${""}
    `).toBe("def f():\n    pass");
  });

  it("keeps an empty value's line when there is more in it", () => {
    expect(code`
      f(${""})
    `).toBe("f()");
  });

  it("leaves blank lines without spaces", () => {
    expect(code`
      class A:
          ${"x = 1\n\ny = 2"}
          ${"\nz = 3"}
    `).toBe("class A:\n    x = 1\n\n    y = 2\n\n    z = 3");
  });
});
