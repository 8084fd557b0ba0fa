/* An open-addressing hash table of ids: look-ups and inserts of many ids in one call.
 *
 * Holds what ingestion/lake/id_table.py does with numpy where this was not built, entry for entry.
 * Knows no Python and no file: the table is three arrays of `slots` (a power of two) numbers, which
 * live in a mapped file. A key of 0 marks a free slot. Called without Python's lock.
 */

#include <stdint.h>

/* Ids looked ahead: their slots are on the way from memory while earlier ones are worked on. */
#define AHEAD 16

typedef struct {
    uint64_t *keys;
    uint64_t *contents;
    int64_t *rows;
    int64_t slots;
} table;

static int64_t home(const table *t, uint64_t key) { return (int64_t)(key & (uint64_t)(t->slots - 1)); }

static int64_t next(const table *t, int64_t at) { return (at + 1) & (t->slots - 1); }

/* `same[i]`: the i-th key is there with its content. Pairs of a position and the row of an entry
 * that has its key with another content go to `other` and `row`, as many as there is `room` for;
 * returns how many there are, unless all contents of a key are passed on the way to its own. */
int64_t ledgerlake_find_ids(const table *t, int64_t count, const uint64_t *keys,
                            const uint64_t *contents, uint8_t *same, int64_t room, int64_t *other,
                            int64_t *row) {
    int64_t others = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD < count) __builtin_prefetch(t->keys + home(t, keys[i + AHEAD]));
        same[i] = 0;
        for (int64_t at = home(t, keys[i]); t->keys[at] && !same[i]; at = next(t, at)) {
            if (t->keys[at] != keys[i]) continue;
            if (t->contents[at] == contents[i]) {
                same[i] = 1;
            } else {
                if (others < room) other[others] = i, row[others] = t->rows[at];
                others++;
            }
        }
    }
    return others;
}

/* Put ids in; an entry that is there already is passed over, and so is a key of 0. Returns how many
 * were new. There must be free slots for all. */
int64_t ledgerlake_insert_ids(table *t, int64_t count, const uint64_t *keys,
                              const uint64_t *contents, const int64_t *rows) {
    int64_t added = 0;
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            int64_t soon = home(t, keys[i + AHEAD]);
            __builtin_prefetch(t->keys + soon, 1);
            __builtin_prefetch(t->contents + soon, 1);
            __builtin_prefetch(t->rows + soon, 1);
        }
        if (!keys[i]) continue;
        int64_t at = home(t, keys[i]);
        while (t->keys[at] && !(t->keys[at] == keys[i] && t->contents[at] == contents[i] &&
                                t->rows[at] == rows[i]))
            at = next(t, at);
        if (t->keys[at]) continue;
        t->rows[at] = rows[i];
        t->contents[at] = contents[i];
        /* Last, so that whoever finds the key after a kill finds its content and row. */
        __atomic_store_n(&t->keys[at], keys[i], __ATOMIC_RELEASE);
        added++;
    }
    return added;
}
