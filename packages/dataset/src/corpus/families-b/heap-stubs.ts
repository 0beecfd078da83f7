/**
 * C that counts live heap blocks, fills fresh ones with 0xA5 and can refuse requests, so that drivers decide
 * leaks, stale bytes and failed allocations without LeakSanitizer. `refuse_after = k` grants k more requests.
 */
export const trackedHeap = `
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static int live_blocks;
static int refuse_after = -1;

static int heap_refuses(void)
{
    if (refuse_after == 0)
        return 1;
    if (refuse_after > 0)
        refuse_after--;
    return 0;
}

static void *heap_get(size_t size)
{
    void *block = heap_refuses() ? NULL : (malloc)(size);
    if (block != NULL) {
        memset(block, 0xA5, size);
        live_blocks++;
    }
    return block;
}

static void *heap_get_zeroed(size_t count, size_t size)
{
    void *block = heap_get(count * size);
    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

static void *heap_resize(void *old, size_t size)
{
    if (old == NULL)
        return heap_get(size);
    return heap_refuses() ? NULL : (realloc)(old, size);
}

static char *heap_copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = heap_get(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static void heap_put(void *block)
{
    if (block != NULL)
        live_blocks--;
    (free)(block);
}

#undef strdup
#define malloc(size) heap_get(size)
#define calloc(count, size) heap_get_zeroed(count, size)
#define realloc(old, size) heap_resize(old, size)
#define strdup(text) heap_copy(text)
#define free(block) heap_put(block)
`;
