/** Word lists of C17 and C++20 as one: a function's language is often unknown, and C headers use C++ words rarely. */

export const KEYWORDS: ReadonlySet<string> = new Set(
  `alignas alignof and and_eq asm auto bitand bitor break case catch class co_await co_return co_yield compl concept const
const_cast consteval constexpr constinit continue decltype default delete do dynamic_cast else enum explicit export extern
false final for friend goto if inline mutable namespace new noexcept not not_eq nullptr NULL operator or or_eq override
private protected public register reinterpret_cast requires restrict return sizeof static static_assert static_cast struct
switch template this thread_local throw true try typedef typeid typename union using virtual volatile while xor xor_eq
_Alignas _Alignof _Atomic _Generic _Noreturn _Static_assert _Thread_local __asm__ __attribute__ __inline __inline__
__restrict __restrict__ __volatile__ __extension__ typeof __typeof__ offsetof`
    .split(/\s+/)
    .filter(Boolean),
);

/** Built-in and standard integer type names, as the grammar's `primitive_type` plus `signed`, `unsigned`, `long`, `short`. */
export const BUILT_IN_TYPES: ReadonlySet<string> = new Set(
  `void bool _Bool char char8_t char16_t char32_t wchar_t short int long signed unsigned float double _Complex size_t ssize_t
ptrdiff_t intptr_t uintptr_t int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t intmax_t uintmax_t off_t
charptr_t nullptr_t max_align_t __int128`
    .split(/\s+/)
    .filter(Boolean),
);

export const DIRECTIVES: ReadonlySet<string> = new Set(
  'define undef include include_next import if ifdef ifndef elif elifdef elifndef else endif error warning pragma line ident'.split(
    ' ',
  ),
);

/** Longest first within each leading character, so that the first match is the longest. */
const OPERATOR_LIST =
  '<<= >>= <=> ->* ... :: -> ++ -- << >> <= >= == != && || += -= *= /= %= &= |= ^= .* ## + - * / % & | ^ ~ ! < > = ? . #'.split(
    ' ',
  );

export const OPERATORS_BY_FIRST: ReadonlyMap<string, readonly string[]> = (() => {
  const byFirst = new Map<string, string[]>();
  for (const operator of OPERATOR_LIST) {
    const list = byFirst.get(operator[0]!) ?? [];
    list.push(operator);
    byFirst.set(operator[0]!, list);
  }
  for (const list of byFirst.values()) list.sort((a, b) => b.length - a.length);
  return byFirst;
})();
