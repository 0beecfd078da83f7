import { severitySchema } from '@srcode/dataset';
import { describe, expect, it } from 'vitest';
import { mapSeverity, severityFromScore, severityTable, toSarifLevel } from './severity.js';

describe('the severity table', () => {
  it('has one row per tool and level, each with a source', () => {
    const keys = severityTable.map(({ tool, level }) => `${tool} ${level}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { source, level } of severityTable) {
      expect(source.length).toBeGreaterThan(10);
      expect(level).toBe(level.toLowerCase());
    }
  });

  it('maps whatever the case, and counts the unknown as information', () => {
    expect(mapSeverity('semgrep', 'ERROR')).toBe('high');
    expect(mapSeverity('cppcheck', 'style')).toBe('info');
    expect(mapSeverity('cppcheck', 'brand-new-level')).toBe('info');
  });

  it('cuts security-severity scores at 9, 7, 4 and 0', () => {
    expect([10, 9, 8.9, 7, 6.9, 4, 3.9, 0.1, 0].map(severityFromScore)).toEqual([
      'critical',
      'critical',
      'high',
      'high',
      'medium',
      'medium',
      'low',
      'low',
      'info',
    ]);
  });

  it('comes back from its own SARIF score', () => {
    for (const severity of severitySchema.options)
      expect(severityFromScore(Number(toSarifLevel(severity).score))).toBe(severity);
  });
});
