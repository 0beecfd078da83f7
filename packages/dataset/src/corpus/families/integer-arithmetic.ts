import { defineFamily, returnWhen } from '../define-family.js';
import { failureValues, nouns, stateNames, valueNames, verbs } from '../vocabulary.js';

/** Signed types with the names of their ends and the unsigned type of the same width. */
const signed = {
  int: { max: 'INT_MAX', min: 'INT_MIN' },
  long: { max: 'LONG_MAX', min: 'LONG_MIN' },
  int32_t: { max: 'INT32_MAX', min: 'INT32_MIN' },
  int64_t: { max: 'INT64_MAX', min: 'INT64_MIN' },
} as const;
const signedNames = Object.keys(signed) as (keyof typeof signed)[];

export const addAmounts = defineFamily({
  id: 'add-amounts',
  title: 'The sum of two amounts may leave the range of its type',
  rootCause: 'The addition is done before it is known that the sum fits its signed type.',
  cwe: 'CWE-190',
  editShape: 'insertion',
  slots: {
    verb: ['add', 'join', 'sum', 'merge'],
    noun: nouns,
    type: signedNames,
    args: ['a, b', 'left, more', 'old, extra', 'used, want'],
    last: ['max', '-1', '-2', '-3'],
  },
  build({ verb, noun, type, args, last }) {
    const functionName = `${verb}_${noun}`;
    const [a, b] = args.split(', ') as [string, string];
    const { max } = signed[type as keyof typeof signed];
    const result = last === 'max' ? max : last;
    const signature = `${type} ${functionName}(${type} ${a}, ${type} ${b})`;
    const body = (guard: string) => `${guard}    return ${a} + ${b};`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: sum of the two amounts, neither below 0; ${result} when it does not fit.`,
        detailed: `Write the C function ${signature}. ${a} and ${b} are 0 or more. It returns their sum, or ${result} for a sum that the type cannot hold.`,
        scenario: `Two counters of a ${noun}, never negative, are put together. Write ${signature}, giving their sum; if ${type} cannot hold it, ${result}.`,
        question: `How would you write ${signature} in C, so that it gives the sum of two numbers from 0 up, and ${result} for sums too large to hold?`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${a} > ${max} - ${b}`, result)),
      functionTest: `
        CHECK(${functionName}(2, 3) == 5);
        CHECK(${functionName}(0, 0) == 0);
        CHECK(${functionName}(${max} - 1, 1) == ${max});`,
      securityTest: `
        volatile ${type} most = ${max};
        CHECK(${functionName}(most, 1) == ${result});
        CHECK(${functionName}(most, most) == ${result});
        CHECK(${functionName}(5, most - 4) == ${result});`,
    };
  },
});

export const midpoint = defineFamily({
  id: 'midpoint',
  title: 'The middle of two positions is found through their sum',
  rootCause: 'The sum of two large positions leaves the range of the type before it is halved.',
  cwe: 'CWE-190',
  editShape: 'replacement',
  slots: {
    verb: ['mid', 'middle', 'half', 'center'],
    noun: nouns,
    type: signedNames,
    args: ['lo, hi', 'low, high', 'from, to', 'left, right'],
    name: ['return', 'm', 'mid', 'res'],
  },
  build({ verb, noun, type, args, name }) {
    const functionName = `${verb}_${noun}`;
    const [lo, hi] = args.split(', ') as [string, string];
    const signature = `${type} ${functionName}(${type} ${lo}, ${type} ${hi})`;
    const body = (value: string) =>
      name === 'return' ? `    return ${value};` : `    ${type} ${name} = ${value};\n    return ${name};`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: the position halfway from ${lo} to ${hi}, 0 <= ${lo} <= ${hi}, rounded down.`,
        detailed: `Write the C function ${signature}. For 0 <= ${lo} <= ${hi} it returns the number in the middle of the two, rounded down.`,
        scenario: `A sorted list of any ${noun} is searched by halving. Write ${signature}, which gives the middle of ${lo} and ${hi} (0 or more), rounded down.`,
        question: `How do you write ${signature} in C so that it returns the middle, rounded down, of two positions that are 0 or more, ${lo} being the smaller?`,
      },
      vulnerableBody: body(`(${lo} + ${hi}) / 2`),
      secureBody: body(`${lo} + (${hi} - ${lo}) / 2`),
      functionTest: `
        CHECK(${functionName}(0, 10) == 5);
        CHECK(${functionName}(3, 6) == 4);
        CHECK(${functionName}(7, 7) == 7);`,
      securityTest: `
        volatile ${type} most = ${signed[type as keyof typeof signed].max};
        CHECK(${functionName}(most - 2, most) == most - 1);
        CHECK(${functionName}(most - 1, most) == most - 1);`,
    };
  },
});

export const magnitude = defineFamily({
  id: 'magnitude',
  title: 'The smallest number of a signed type is negated',
  rootCause: 'The smallest value has no positive counterpart in its type.',
  cwe: 'CWE-190',
  editShape: 'insertion',
  slots: {
    verb: ['abs', 'size', 'mag', 'plain'],
    noun: nouns,
    type: signedNames,
    val: valueNames,
    form: ['if', 'ternary', 'assign', 'flip'],
  },
  build({ verb, noun, type, val, form }) {
    const functionName = `${verb}_${noun}`;
    const { max, min } = signed[type as keyof typeof signed];
    const signature = `${type} ${functionName}(${type} ${val})`;
    const body = (guard: string) =>
      guard +
      {
        if: `    if (${val} < 0)\n        return -${val};\n    return ${val};`,
        ternary: `    return ${val} < 0 ? -${val} : ${val};`,
        assign: `    if (${val} < 0)\n        ${val} = -${val};\n    return ${val};`,
        flip: `    return ${val} >= 0 ? ${val} : -${val};`,
      }[form];
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: ${val} without its sign; ${max} when ${type} has no such number.`,
        detailed: `Write the C function ${signature}. It returns ${val} made positive, or ${max} where ${type} cannot hold that.`,
        scenario: `The difference of a ${noun} is shown without its sign. Write ${signature}; where ${type} lacks the positive number, ${max} is shown.`,
        question: `How would you write ${signature} in C to drop the sign of ${val}, with ${max} standing in for a result that ${type} cannot hold?`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${val} == ${min}`, max)),
      functionTest: `
        CHECK(${functionName}(5) == 5);
        CHECK(${functionName}(-5) == 5);
        CHECK(${functionName}(0) == 0);
        CHECK(${functionName}(-${max}) == ${max});`,
      securityTest: `
        volatile ${type} least = ${min};
        CHECK(${functionName}(least) == ${max});`,
    };
  },
});

export const imageBytes = defineFamily({
  id: 'image-bytes',
  title: 'A product is computed in 32 bits and widened afterwards',
  rootCause: 'The factors are multiplied in 32 bits, so that the high part of the product is lost.',
  cwe: 'CWE-190',
  editShape: 'insertion',
  slots: {
    verb: verbs.count,
    noun: nouns,
    wide: ['uint64_t', 'unsigned long', 'size_t', 'unsigned long long'],
    args: ['w, h', 'rows, cols', 'width, height', 'num, each'],
    factor: ['2', '3', '4', '8', '16'],
  },
  build({ verb, noun, wide, args, factor }) {
    const functionName = `${verb}_${noun}_bytes`;
    const [a, b] = args.split(', ') as [string, string];
    const signature = `${wide} ${functionName}(uint32_t ${a}, uint32_t ${b})`;
    const body = (cast: string) => `    return ${cast}${a} * ${b} * ${factor};`;
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: number of bytes of ${a} times ${b} cells, ${factor} bytes each; cells up to 2 to the 40.`,
        detailed: `Write the C function ${signature}. It returns how many bytes ${a} by ${b} cells of ${factor} bytes take, also for very large grids.`,
        scenario: `Disk space for a ${noun} grid is planned. Write ${signature}: ${factor} bytes for each of ${a} by ${b} cells, even when these are many gigabytes.`,
        question: `How do you write ${signature} in C, the bytes needed for ${a} by ${b} cells of ${factor} bytes each, right for huge grids too?`,
      },
      vulnerableBody: body(''),
      secureBody: body(`(${wide})`),
      functionTest: `
        CHECK(${functionName}(10, 20) == 200 * ${factor});
        CHECK(${functionName}(0, 5) == 0);`,
      securityTest: `
        CHECK(${functionName}(65536, 65536) == (${wide})4294967296ULL * ${factor});
        CHECK(${functionName}(70000, 70001) == (${wide})4900070000ULL * ${factor});`,
    };
  },
});

export const takeUnits = defineFamily({
  id: 'take-units',
  title: 'More is subtracted from an unsigned stock than is left',
  rootCause: 'The unsigned difference wraps around to a huge stock when more is taken than is left.',
  cwe: 'CWE-191',
  editShape: 'insertion',
  slots: {
    verb: ['take', 'use', 'spend', 'draw'],
    noun: nouns,
    type: ['unsigned int', 'size_t', 'uint32_t', 'uint16_t'],
    st: stateNames,
    field: ['left', 'stock', 'quota', 'credit'],
    fail: failureValues,
  },
  build({ verb, noun, type, st, field, fail }) {
    const functionName = `${verb}_${noun}`;
    const signature = `int ${functionName}(struct pool *${st}, ${type} want)`;
    const body = (guard: string) => `${guard}    ${st}->${field} -= want;\n    return 0;`;
    return {
      functionName,
      signature,
      declarations: `struct pool {\n    ${type} ${field};\n};`,
      prompts: {
        terse: `${signature}: take want units off ${field} of the pool. 0 when taken, ${fail} when nothing was taken.`,
        detailed: `Write the C function ${signature}. A struct pool has the number ${field}. Lower it by want and return 0, or return ${fail} and leave it as it is.`,
        scenario: `Every ${noun} uses up units from a pool with the number ${field}. Write ${signature}: want units go, 0; or all stay, ${fail}.`,
        question: `How would you write ${signature} in C so that want units leave the ${field} of the pool with result 0, or none do with result ${fail}?`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`want > ${st}->${field}`, fail)),
      functionTest: `
        struct pool p = {10};
        CHECK(${functionName}(&p, 4) == 0 && p.${field} == 6);
        CHECK(${functionName}(&p, 6) == 0 && p.${field} == 0);`,
      securityTest: `
        struct pool p = {3};
        CHECK(${functionName}(&p, 4) == ${fail} && p.${field} == 3);
        CHECK(${functionName}(&p, 1000) == ${fail} && p.${field} == 3);`,
    };
  },
});

export const setBit = defineFamily({
  id: 'set-bit',
  title: 'A shift by more than the width of the type',
  rootCause: 'The bit number is not compared with the width of the mask before the shift.',
  cwe: 'CWE-1335',
  editShape: 'insertion',
  slots: {
    verb: verbs.store,
    noun: nouns,
    type: ['uint32_t', 'uint64_t', 'unsigned int', 'unsigned long'],
    mask: ['mask', 'bits', 'flags', 'word'],
    bit: ['bit', 'nr', 'shift', 'place'],
    change: ['set', 'clear', 'flip'],
  },
  build({ verb, noun, type, mask, bit, change }) {
    const functionName = `${verb}_${noun}_bit`;
    const width = type === 'uint32_t' || type === 'unsigned int' ? '32' : '64';
    const signature = `${type} ${functionName}(${type} ${mask}, unsigned ${bit})`;
    const one = `(${type})1 << ${bit}`;
    const value = { set: `${mask} | ${one}`, clear: `${mask} & ~(${one})`, flip: `${mask} ^ ${one}` }[change];
    const body = (guard: string) => `${guard}    return ${value};`;
    const expected = { set: '13', clear: '5', flip: '13' }[change];
    return {
      functionName,
      signature,
      prompts: {
        terse: `${signature}: ${mask} with bit number ${bit} ${change === 'set' ? 'set' : change === 'clear' ? 'cleared' : 'flipped'}; ${mask} itself when it has no such bit.`,
        detailed: `Write the C function ${signature}. It will ${change} bit ${bit} of ${mask} and return the result. Numbers with no bit leave ${mask} unchanged.`,
        scenario: `A ${noun} carries ${width} flags in one number. Write ${signature} to ${change} flag ${bit}; a flag that is not there changes nothing.`,
        question: `How do you write ${signature} in C to ${change} bit ${bit} of ${mask} and to give ${mask} as it is if there is no bit ${bit}?`,
      },
      vulnerableBody: body(''),
      secureBody: body(returnWhen(`${bit} >= ${width}`, mask)),
      functionTest: `
        CHECK(${functionName}(5, 3) == ${expected});
        CHECK(${functionName}(0, ${width} - 1) == ${change === 'clear' ? '0' : `(${type})1 << (${width} - 1)`});
        CHECK(${functionName}(1, 0) == ${change === 'set' ? '1' : '0'});`,
      securityTest: `
        volatile unsigned far = ${width};
        CHECK(${functionName}(5, far) == 5);
        CHECK(${functionName}(6, far + 7) == 6);`,
    };
  },
});
