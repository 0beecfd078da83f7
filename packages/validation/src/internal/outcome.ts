import type { CheckResult, Severity } from '../types.js';

/** A passed check. */
export function pass(
  check: string,
  reason = 'ok',
  evidence: Readonly<Record<string, unknown>> = {},
): CheckResult {
  return { check, passed: true, code: null, severity: 'reject', reason, evidence };
}

/** A failed check. */
export function fail(
  check: string,
  code: string,
  reason: string,
  evidence: Readonly<Record<string, unknown>> = {},
  severity: Severity = 'reject',
): CheckResult {
  return { check, passed: false, code, severity, reason, evidence };
}
