/**
 * Loads a library outside of jest's sandbox, by Node.js itself, as programs do: once in a worker, where jest would read and
 * compile its files again for each suite. For clients that nobody mocks and that keep nothing between two uses.
 *
 * What such a library makes is of another realm: its errors are no `instanceof Error` of a test, its arrays equal by `toEqual`.
 * Dates are of both, as libraries ask for them.
 */
const { isDate } = require("node:util").types;
const { runInThisContext } = require("node:vm");

const { createRequire } = runInThisContext("process").getBuiltinModule("node:module");

for (const kind of [Date, runInThisContext("Date")]) {
  const ordinary = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(kind, Symbol.hasInstance, {
    // A class that extends it inherits this.
    value(one) {
      return this === kind ? isDate(one) : ordinary.call(this, one);
    },
    configurable: true,
  });
}

exports.load = createRequire(__filename);
