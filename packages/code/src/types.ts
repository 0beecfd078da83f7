/** A lexical token: a leaf of the syntax tree that is neither comment nor whitespace. */
export interface LexicalToken {
  readonly text: string;
  /** Coarse kind, e.g. `identifier`, `number`, `string`, `keyword`, `punctuation`, `preprocessor`. */
  readonly kind:
    | 'identifier'
    | 'type'
    | 'number'
    | 'string'
    | 'char'
    | 'keyword'
    | 'operator'
    | 'punctuation'
    | 'preprocessor';
  /** Span [start, end) in the source, UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** 1-based line of `start`. */
  readonly line: number;
  /** Set on what follows a `preprocessor` token on its line, continuation lines included. */
  readonly inDirective?: true;
}

/** One difference between two token sequences; indices are token indices, ends exclusive. */
export interface DiffHunk {
  readonly vulnerableStart: number;
  readonly vulnerableEnd: number;
  readonly secureStart: number;
  readonly secureEnd: number;
}

/** A function definition found in a source text. */
export interface FunctionInfo {
  readonly name: string;
  /** Normalised return type, name and parameter types; comments and parameter names dropped. */
  readonly signature: string;
  readonly parameters: readonly { readonly type: string; readonly name: string | null }[];
  /** Empty where the text was cut at the name, and for constructors, destructors and conversion operators. */
  readonly returnType: string;
  readonly start: number;
  readonly end: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

export interface ParseReport {
  /** True when the tree has no ERROR and no MISSING node. */
  readonly ok: boolean;
  /** Share of the characters outside ERROR nodes, in [0, 1]; 0 when the time ran out. */
  readonly cleanShare: number;
  /** True when the parser was stopped at `timeoutMs`; `functions` is there all the same. */
  readonly timedOut: boolean;
  readonly functions: readonly FunctionInfo[];
}
