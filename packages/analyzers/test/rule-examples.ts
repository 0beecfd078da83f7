/** Rule → functions in which it speaks, and the repaired ones in which it is silent. */
export const ruleExamples: Readonly<
  Record<string, { readonly bad: readonly string[]; readonly good: readonly string[] }>
> = {
  'unbounded-copy': {
    bad: [
      'void f(char *d, const char *s) { strcpy(d, s); }',
      'void f(const char *s) { char b[8]; sprintf(b, "<%s>", s); }',
      'void f(void) { char b[8]; gets(b); }',
    ],
    good: [
      'int f(char *d, size_t n, const char *s) { if (strlen(s) >= n) return -1; strcpy(d, s); return 0; }',
      'char *f(const char *s) { char *d = malloc(strlen(s) + 1); if (d) strcpy(d, s); return d; }',
      'void f(int n) { char b[32]; sprintf(b, "%d", n); strcpy(b, "x"); }',
    ],
  },
  'scanf-unbounded': {
    bad: ['int f(void) { char w[16]; return scanf("%s", w); }'],
    good: ['int f(void) { char w[16]; return scanf("%15s", w); }'],
  },
  'unchecked-copy-length': {
    bad: [
      'void f(struct m *m, char *d) { memcpy(d, m->data, m->len); }',
      'void f(char *d, const char *s, size_t n) { memcpy(d, s, n); }',
    ],
    good: [
      'int f(char *d, size_t cap, const char *s, size_t n) { if (n > cap) return -1; memcpy(d, s, n); return 0; }',
      'char *f(const char *s, size_t n) { char *d = malloc(n); if (d) memcpy(d, s, n); return d; }',
      'void f(char *d, size_t cap, const char *s, size_t n) { memcpy(d, s, n < cap ? n : cap); }',
    ],
  },
  'strncpy-unterminated': {
    bad: ['void f(struct u *u, const char *s) { strncpy(u->name, s, sizeof(u->name)); }'],
    good: [
      'void f(struct u *u, const char *s) { strncpy(u->name, s, sizeof(u->name) - 1); u->name[sizeof(u->name) - 1] = 0; }',
    ],
  },
  'sizeof-pointer': {
    bad: ['void f(char *b, size_t n) { memset(b, 0, sizeof(b)); }'],
    good: [
      'void f(char *b, size_t n) { memset(b, 0, n); }',
      'void f(void) { char b[9]; memset(b, 0, sizeof(b)); }',
    ],
  },
  'size-exceeds-buffer': {
    bad: [
      'void f(FILE *in) { char b[16]; if (!fgets(b, 64, in)) return; }',
      'void f(const char *s) { char b[16] = ""; strncat(b, s, sizeof(b)); }',
    ],
    good: ['void f(FILE *in) { char b[64]; if (!fgets(b, 64, in)) return; }'],
  },
  'snprintf-offset': {
    bad: [
      'void f(char *b, size_t n, const char **w, int k) { size_t at = 0; for (int i = 0; i < k; i++) at += snprintf(b + at, n - at, "%s", w[i]); }',
    ],
    good: [
      'void f(char *b, size_t n, const char **w, int k) { size_t at = 0; for (int i = 0; i < k; i++) { at += snprintf(b + at, n - at, "%s", w[i]); if (at >= n) return; } }',
    ],
  },
  'unchecked-index-write': {
    bad: [
      'void f(int *a, size_t n, size_t i) { a[i] = 1; }',
      'void f(int *bins, const unsigned *d, int k) { for (int i = 0; i < k; i++) bins[d[i]]++; }',
    ],
    good: [
      'void f(int *a, size_t n, size_t i) { if (i < n) a[i] = 1; }',
      'void f(int a[256], unsigned char c) { a[c] = 1; }',
      'void f(int *a, size_t i) { a[i % 8] = 1; }',
    ],
  },
  'unchecked-index-read': {
    bad: [
      'int f(const int *a, size_t n, size_t i) { return a[i]; }',
      'int f(const int *a, size_t i) { return *(a + i); }',
    ],
    good: [
      'int f(const int *a, size_t n, size_t i) { return i < n ? a[i] : 0; }',
      'int f(const char *s) { size_t n = strlen(s); return s[n]; }',
    ],
  },
  'negative-index': {
    bad: ['int f(const int *a, int n, int i) { if (i >= n) return 0; return a[i]; }'],
    good: [
      'int f(const int *a, int n, int i) { if (i < 0 || i >= n) return 0; return a[i]; }',
      'int f(const int *a, int n, int i) { if ((unsigned)i >= (unsigned)n) return 0; return a[i]; }',
    ],
  },
  'index-underflow': {
    bad: [
      'void f(char *s) { size_t n = strlen(s); if (s[n - 1] == 10) s[n - 1] = 0; }',
      'int f(struct st *s) { return s->v[--s->top]; }',
    ],
    good: [
      'void f(char *s) { size_t n = strlen(s); if (n > 0 && s[n - 1] == 10) s[n - 1] = 0; }',
      'int f(struct st *s) { if (s->top == 0) return 0; return s->v[--s->top]; }',
    ],
  },
  'unchecked-loop-bound': {
    bad: [
      'int f(const unsigned char *p, size_t n) { int s = 0; int k = p[0]; for (int i = 1; i < k; i++) s += p[i]; return s; }',
    ],
    good: [
      'int f(const unsigned char *p, size_t n) { int s = 0; int k = p[0]; if (k > n) return 0; for (int i = 1; i < k; i++) s += p[i]; return s; }',
    ],
  },
  'unbounded-scan': {
    bad: ["int f(const char *s, int n) { int i = 0; while (s[i] != ',') i++; return i; }"],
    good: [
      "int f(const char *s, int n) { int i = 0; while (i < n && s[i] != ',') i++; return i; }",
      "int f(const char *s) { int i = 0; while (s[i] != '\\0') i++; return i; }",
    ],
  },
  'off-by-one-loop': {
    bad: [
      'void f(void) { int a[8]; for (int i = 0; i <= 8; i++) a[i] = 0; }',
      'void f(int *a, int n) { for (int i = 0; i <= n; i++) a[i] = 0; }',
    ],
    good: [
      'void f(void) { int a[9]; for (int i = 0; i <= 8; i++) a[i] = 0; }',
      'void f(int *a, int n) { for (int i = 0; i < n; i++) a[i] = 0; }',
    ],
  },
  'off-by-one-guard': {
    bad: [
      'int f(int *a, int n, unsigned i) { if (i > n) return -1; a[i] = 1; return 0; }',
      'void f(void) { char b[16]; b[sizeof(b)] = 0; }',
    ],
    good: [
      'int f(int *a, int n, unsigned i) { if (i >= n) return -1; a[i] = 1; return 0; }',
      'void f(void) { char b[16]; b[sizeof(b) - 1] = 0; }',
    ],
  },
  'unbounded-loop-write': {
    bad: ['void f(const char *s) { char b[16]; int k = 0; while (*s) b[k++] = *s++; b[15] = 0; }'],
    good: ['void f(const char *s) { char b[16]; int k = 0; while (*s && k < 15) b[k++] = *s++; b[k] = 0; }'],
  },
  'allocation-overflow': {
    bad: [
      'int *f(size_t n) { return malloc(n * sizeof(int)); }',
      'char *f(unsigned a, unsigned b) { unsigned k = a * b; return malloc(k); }',
    ],
    good: [
      'int *f(size_t n) { if (n > SIZE_MAX / sizeof(int)) return NULL; return malloc(n * sizeof(int)); }',
      'int *f(size_t n) { return calloc(n, sizeof(int)); }',
    ],
  },
  'wrapping-bound-check': {
    bad: ['int f(unsigned at, unsigned len, unsigned size) { if (at + len > size) return -1; return 0; }'],
    good: [
      'int f(unsigned at, unsigned len, unsigned size) { if (at > size || len > size - at) return -1; return 0; }',
    ],
  },
  'unsigned-underflow': {
    bad: [
      'size_t f(size_t have, size_t take) { return have - take; }',
      'void f(char *d, const char *s, size_t n) { memcpy(d, s + n - 4, 4); }',
    ],
    good: ['size_t f(size_t have, size_t take) { return take > have ? 0 : have - take; }'],
  },
  'unchecked-divisor': {
    bad: ['int f(int sum, int n) { return sum / n; }', 'int f(int a, int n) { a %= n; return a; }'],
    good: [
      'int f(int sum, int n) { if (n == 0) return 0; return sum / n; }',
      'int f(int sum, int n) { return n ? sum / n : 0; }',
      'double f(double a, double b) { return a / b; }',
    ],
  },
  'unchecked-shift': {
    bad: ['unsigned f(unsigned x, unsigned n) { return x << n; }'],
    good: ['unsigned f(unsigned x, unsigned n) { return n < 32 ? x << n : 0; }'],
  },
  'negative-length': {
    bad: ['int f(char *d, const char *s, int n) { if (n > 64) return -1; memcpy(d, s, n); return 0; }'],
    good: [
      'int f(char *d, const char *s, int n) { if (n < 0 || n > 64) return -1; memcpy(d, s, n); return 0; }',
    ],
  },
  'unbounded-stack-allocation': {
    bad: [
      'void f(size_t n) { char b[n]; b[0] = 0; }',
      'void f(const char *s) { char *b = alloca(strlen(s)); }',
    ],
    good: ['void f(size_t n) { if (n > 64) return; char b[n]; b[0] = 0; }'],
  },
  'signed-overflow': {
    bad: ['int f(int a, int b) { return a + b; }'],
    good: ['int f(int a, int b) { if (a > INT_MAX - b) return -1; return a + b; }'],
  },
  'product-widened-late': {
    bad: ['size_t f(unsigned w, unsigned h) { return w * h; }'],
    good: ['size_t f(unsigned w, unsigned h) { return (size_t)w * h; }'],
  },
  'narrowed-length': {
    bad: ['int f(const char *s) { unsigned short n = strlen(s); return n; }'],
    good: ['size_t f(const char *s) { size_t n = strlen(s); return n; }'],
  },
  'allocation-rounded-down': {
    bad: ['char *f(size_t bits) { return calloc(bits / 8, 1); }'],
    good: ['char *f(size_t bits) { return calloc((bits + 7) / 8, 1); }'],
  },
  'negation-overflow': {
    bad: ['int f(int x) { return x < 0 ? -x : x; }', 'int f(int x) { return abs(x); }'],
    good: ['int f(int x) { if (x == INT_MIN) return INT_MAX; return x < 0 ? -x : x; }'],
  },
  'unused-size-parameter': {
    bad: ['void f(char *d, size_t cap, const char *s) { strcat(d, s); }'],
    good: ['void f(char *d, size_t cap, const char *s) { snprintf(d, cap, "%s", s); }'],
  },
  'partially-initialised-object': {
    bad: [
      'struct o { int a; int b; };\nstruct o *f(void) { struct o *p = malloc(sizeof(*p)); if (!p) return NULL; p->a = 1; return p; }',
    ],
    good: [
      'struct o { int a; int b; };\nstruct o *f(void) { struct o *p = calloc(1, sizeof(*p)); if (!p) return NULL; p->a = 1; return p; }',
    ],
  },
  'dangling-member': {
    bad: ['void f(struct b *b) { free(b->data); b->len = 0; }'],
    good: [
      'void f(struct b *b) { free(b->data); b->data = NULL; b->len = 0; }',
      'void f(struct b *b) { free(b->data); free(b); }',
    ],
  },
  'use-after-free': {
    bad: [
      'int f(struct n *n) { free(n); return n->v; }',
      'void f(struct n *h) { for (struct n *n = h; n; n = n->next) free(n); }',
    ],
    good: [
      'int f(struct n *n) { int v = n->v; free(n); return v; }',
      'void f(struct n *h) { while (h) { struct n *next = h->next; free(h); h = next; } }',
      'int f(char *p, int bad) { if (bad) { free(p); return -1; } return p[0]; }',
    ],
  },
  'double-free': {
    bad: [
      'void f(char *p) { free(p); free(p); }',
      'void f(char *p, int bad) { if (bad) { free(p); } use(1); free(p); }',
    ],
    good: [
      'void f(char *p) { free(p); p = NULL; free(p); }',
      'void f(char *p, int bad) { if (bad) { free(p); return; } free(p); }',
    ],
  },
  'missing-free': {
    bad: [
      'int f(int bad) { char *p = malloc(9); if (!p) return -1; if (bad) return -2; free(p); return 0; }',
    ],
    good: [
      'int f(int bad) { char *p = malloc(9); if (!p) return -1; if (bad) { free(p); return -2; } free(p); return 0; }',
      'char *f(void) { char *p = malloc(9); if (!p) return NULL; return p; }',
    ],
  },
  'realloc-self': {
    bad: ['void f(struct v *v, size_t n) { v->p = realloc(v->p, n); }'],
    good: ['void f(struct v *v, size_t n) { char *q = realloc(v->p, n); if (q) v->p = q; }'],
  },
  'return-local-address': {
    bad: ['char *f(void) { char b[8]; return b; }', 'int *f(void) { int x = 1; return &x; }'],
    good: ['char *f(void) { static char b[8]; return b; }'],
  },
  'free-non-heap': {
    bad: [
      'void f(void) { char b[8]; free(b); }',
      'void f(void) { char *p = malloc(8); if (!p) return; p++; free(p); }',
    ],
    good: ['void f(char *p) { free(p); }'],
  },
  'unchecked-allocation': {
    bad: [
      'char *f(void) { char *p = malloc(8); p[0] = 0; return p; }',
      'void f(const char *s) { char *p = strdup(s); use(strlen(p)); free(p); }',
    ],
    good: ['char *f(void) { char *p = malloc(8); if (p == NULL) return NULL; p[0] = 0; return p; }'],
  },
  'unchecked-null-result': {
    bad: [
      "void f(char *s) { char *p = strchr(s, '='); *p = 0; }",
      'int f(void) { return atoi(getenv("N")); }',
    ],
    good: ["void f(char *s) { char *p = strchr(s, '='); if (p) *p = 0; }"],
  },
  'null-check-after-use': {
    bad: ['int f(struct s *p) { int v = p->v; if (!p) return -1; return v; }'],
    good: ['int f(struct s *p) { if (!p) return -1; return p->v; }'],
  },
  'uninitialised-variable': {
    bad: ['int f(int a) { int r; if (a) r = 1; return r; }', 'int f(void) { int r; return r; }'],
    good: [
      'int f(int a) { int r; if (a) r = 1; else r = 2; return r; }',
      'int f(int a) { int r; if (!a) return 0; else r = 2; return r; }',
      'int f(void) { int r; read_it(&r); return r; }',
    ],
  },
  'unchecked-return': {
    bad: ['void f(FILE *in) { char b[8]; fgets(b, 8, in); }', 'void f(int id) { setuid(id); }'],
    good: ['void f(FILE *in) { char b[8]; if (!fgets(b, 8, in)) return; }'],
  },
  'format-string': {
    bad: ['void f(const char *s) { printf(s); }', 'void f(FILE *o, const char *s) { fprintf(o, s); }'],
    good: [
      'void f(const char *s) { printf("%s", s); }',
      'void f(int a) { const char *s = a ? "a" : "b"; printf(s); }',
      'void f(const char *s, ...) { va_list a; vprintf(s, a); }',
    ],
  },
  'command-injection': {
    bad: [
      'int f(const char *h) { char c[99]; snprintf(c, 99, "ping %s", h); return system(c); }',
      'FILE *f(const char *c) { return popen(c, "r"); }',
    ],
    good: [
      'int f(void) { return system("ls"); }',
      'int f(const char *h) { char c[99]; if (strpbrk(h, ";|&")) return -1; snprintf(c, 99, "ping %s", h); return system(c); }',
    ],
  },
  'path-traversal': {
    bad: [
      'FILE *f(const char *n) { char path[99]; snprintf(path, 99, "/srv/%s", n); return fopen(path, "r"); }',
    ],
    good: [
      'FILE *f(const char *n) { char path[99]; if (strstr(n, "..")) return NULL; snprintf(path, 99, "/srv/%s", n); return fopen(path, "r"); }',
    ],
  },
  'path-prefix-check': {
    bad: [
      'int is_inside(const char *root, const char *path) { size_t n = strlen(root); return strncmp(path, root, n) == 0; }',
    ],
    good: [
      "int is_inside(const char *root, const char *path) { size_t n = strlen(root); return strncmp(path, root, n) == 0 && path[n] == '/'; }",
    ],
  },
  'check-then-open': {
    bad: ['FILE *f(const char *p) { if (access(p, R_OK)) return NULL; return fopen(p, "r"); }'],
    good: ['FILE *f(const char *p) { return fopen(p, "r"); }'],
  },
  'weak-random': {
    bad: ['int f(void) { return rand(); }'],
    good: ['int f(void) { return getrandom_int(); }'],
  },
  'predictable-temporary-file': {
    bad: ['char *f(char *t) { return mktemp(t); }'],
    good: ['int f(char *t) { return mkstemp(t); }'],
  },
  'hard-coded-credential': {
    bad: [
      'int f(const char *password) { return strcmp(password, "hunter2") == 0; }',
      'void f(void) { const char *api_key = "0123456789"; use(api_key); }',
    ],
    good: ['int f(const char *password, const char *stored) { return strcmp(password, stored) == 0; }'],
  },
  'weak-cryptography': {
    bad: ['void f(const void *d, size_t n, unsigned char *o) { MD5(d, n, o); }'],
    good: ['void f(const void *d, size_t n, unsigned char *o) { SHA256(d, n, o); }'],
  },
  'open-permissions': {
    bad: ['int f(const char *p) { return chmod(p, 0777); }'],
    good: ['int f(const char *p) { return chmod(p, 0600); }'],
  },
  'endless-loop': {
    bad: [
      'void f(void) { for (;;) work(); }',
      'int f(const unsigned char *p, int n) { int at = 0; while (at < n) { at += p[at]; } return at; }',
      'void f(int n) { int i = 0; while (i < n) work(); }',
    ],
    good: [
      'void f(void) { for (;;) { if (work()) break; } }',
      'int f(const unsigned char *p, int n) { int at = 0; while (at < n) { if (p[at] == 0) break; at += p[at]; } return at; }',
    ],
  },
};
