/* Rows of Arrow columns as C reads them, and a buffer that texts are written to.
 *
 * Holds the Arrow structures, a column's values, numbers as digits, and `scratch`. Knows no hash and
 * no format of rows. Included by native.c and by ingestion/sources/row_json.c.
 */

#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VIEW 16         /* bytes of one Arrow string view */
#define INLINE_TEXT 12  /* up to here a text lies inside its view */
#define NUMBER_ROOM 24  /* tag, sign, 19 digits, terminator */
#define PADDING_ROOM 128 /* behind every text, for what completes it: two blocks of SHA-256 */

/* The Arrow C data and stream interfaces: https://arrow.apache.org/docs/format/CDataInterface.html */
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

/* One column of one chunk of rows. `valid` is an Arrow bitmap, NULL when no value is missing. */
typedef struct {
    const uint8_t *data;
    const uint8_t *valid;
    const uint8_t *const *texts; /* the buffers that views point into */
    int64_t offset;              /* first row, in rows, of data and of valid */
    int32_t width;
    int32_t tag;
} field;

static inline field field_of(const struct ArrowArray *rows, int64_t at, int32_t width, int32_t tag) {
    const struct ArrowArray *array = rows->children[at];
    const uint8_t *const *buffers = (const uint8_t *const *)array->buffers;
    return (field){.data = buffers[1],
                   .valid = buffers[0],
                   .texts = buffers + 2,
                   .offset = rows->offset + array->offset,
                   .width = width,
                   .tag = tag};
}

/* Four digits a step: times, which have 16, are a quarter of what is written. */
static inline int digits_of(uint64_t value) {
    int count = 1;
    for (; value >= 10000; value /= 10000) count += 4;
    return count + (value >= 10) + (value >= 100) + (value >= 1000);
}

/* Two digits a step. */
static inline uint8_t *put_number(uint8_t *at, int64_t value) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233"
                                "34353637383940414243444546474849505152535455565758596061626364656667"
                                "6869707172737475767778798081828384858687888990919293949596979899";
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value < 0) *at++ = '-';
    uint8_t *end = at + digits_of(rest);
    for (at = end; rest >= 100; rest /= 100) memcpy(at -= 2, pairs + rest % 100 * 2, 2);
    if (rest >= 10) memcpy(at - 2, pairs + rest * 2, 2);
    else at[-1] = (uint8_t)('0' + rest);
    return end;
}

static inline int missing(const field *f, int64_t row) {
    return f->valid && !(f->valid[row >> 3] >> (row & 7) & 1);
}

static inline int64_t integer(const field *f, int64_t row) {
    const uint8_t *at = f->data + row * f->width;
    int32_t small;
    int64_t value;
    if (f->width == 4) {
        memcpy(&small, at, sizeof small);
        return small;
    }
    memcpy(&value, at, sizeof value);
    return value;
}

static const uint8_t *text(const field *f, int64_t row, int32_t *size) {
    const uint8_t *view = f->data + row * VIEW;
    int32_t buffer, offset;
    memcpy(size, view, 4);
    if (*size <= INLINE_TEXT) return view + 4;
    memcpy(&buffer, view + 8, 4);
    memcpy(&offset, view + 12, 4);
    return f->texts[buffer] + offset;
}

/* A buffer of rows that grows. */
typedef struct {
    uint8_t *bytes;
    size_t size, room;
} scratch;

static inline int make_room(scratch *s, size_t more) {
    size_t needed = s->size + more + PADDING_ROOM;
    if (needed <= s->room) return 1;
    uint8_t *bytes = realloc(s->bytes, 2 * needed);
    if (!bytes) return 0;
    s->bytes = bytes;
    s->room = 2 * needed;
    return 1;
}

/* More than INLINE_TEXT bytes. Of up to 32 as two halves that overlap, of known size: no call. */
static inline void copy(uint8_t *to, const uint8_t *from, size_t size) {
    if (size > 32) memcpy(to, from, size);
    else if (size >= 16) memcpy(to, from, 16), memcpy(to + size - 16, from + size - 16, 16);
    else memcpy(to, from, 8), memcpy(to + size - 8, from + size - 8, 8);
}
