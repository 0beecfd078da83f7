import type { FunctionInfo } from '@srcode/code';
import { fail, pass } from '../internal/outcome.js';
import type { PairCheck } from '../types.js';

/** Words that do not change how a function is called. */
const IDLE_WORDS = /\b(?:static|inline|extern|register|__inline|__inline__|noexcept|override|final)\b/g;

function plain(type: string): string {
  return type.replace(IDLE_WORDS, ' ').replace(/\s+/g, ' ').trim();
}

/**
 * False for what cannot be a type: a macro's arguments, or a constructor's initialisers read as one. Such a
 * header is known by its name alone.
 */
function isType(type: string): boolean {
  return !/["'{}]|\(\)|\w\(\w+\)\s*[,.]|^\d/.test(type);
}

/** The class of a name with its scope: `A::f` and `f` are the same function with the scope cut off. */
function lastName(name: string): string {
  return name.split('::').at(-1)!.trim();
}

function findByName(functions: readonly FunctionInfo[], name: string): FunctionInfo | null {
  const same = functions.filter((one) => one.name === name || lastName(one.name) === lastName(name));
  return same.at(-1) ?? null;
}

/** The secure side defines the function of the vulnerable side: same name, parameter types and return type. */
export const checkSignature: PairCheck = (_record, { secure, vulnerable }) => {
  const before = vulnerable.main;
  if (before === null)
    return secure.main === null
      ? fail('signature', 'no-function-found', 'No function was found on either side.', {}, 'warn')
      : pass('signature', 'no function was found on the vulnerable side, so there is nothing to compare');
  const after = findByName(secure.functions, before.name);
  const evidence = { vulnerable: before.signature, secure: (after ?? secure.main)?.signature ?? null };
  if (secure.main === null)
    return fail(
      'signature',
      'function-missing',
      `The secure side has no function; expected "${before.name}".`,
      evidence,
    );
  if (after === null)
    return fail(
      'signature',
      'name-changed',
      `The secure side defines "${secure.main.name}" instead of "${before.name}".`,
      evidence,
    );
  const declared = [before, after].flatMap((info) => [
    info.returnType,
    ...info.parameters.map(({ type }) => type),
  ]);
  if (!declared.every(isType))
    return pass('signature', 'the header is not a plain one; only the name was compared', evidence);
  const types = (info: FunctionInfo) => info.parameters.map(({ type }) => plain(type)).join(', ');
  if (types(before) !== types(after))
    return fail(
      'signature',
      'parameters-changed',
      `Parameters changed from (${types(before)}) to (${types(after)}).`,
      evidence,
    );
  // A header that was cut at the name in the source has no return type; a repair may restore it.
  if (before.returnType !== '' && plain(before.returnType) !== plain(after.returnType))
    return fail(
      'signature',
      'return-type-changed',
      `The return type changed from "${plain(before.returnType)}" to "${plain(after.returnType)}".`,
      evidence,
    );
  return pass('signature', 'ok', evidence);
};
