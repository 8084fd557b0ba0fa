/* Rows of an Arrow stream as JSON objects, in one call.
 *
 * Writes texts, integers and instants of UTC as Polars writes them; whatever else there is, is left
 * to Polars. Knows no Python: loaded by row_json_native.py. Called without Python's lock.
 */

#include "../../audit/rows.h"

#define TIME_ROOM 32   /* quotes, 26 characters, Z */
#define ESCAPE 6       /* bytes that one may become: \u001f */
#define DAY 86400000000LL

/* What ledgerlake_write_json found. */
enum { WRITTEN = 0, NO_MEMORY = 1, NOT_OURS = 2, BROKEN_STREAM = 3 };

enum { TEXT = 's', NUMBER = 'i', INSTANT = 't' };

/* How a column is written: its key with all that stands before the value, and its kind. */
typedef struct {
    scratch key;
    int32_t width, kind;
} member;

/* The letter behind the backslash; 'u' for a control character without one; 0: as it is. */
static const uint8_t ESCAPED[256] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    [0] = 'u',  [1] = 'u',  [2] = 'u',  [3] = 'u',  [4] = 'u',  [5] = 'u',  [6] = 'u',  [7] = 'u',
    [11] = 'u', [14] = 'u', [15] = 'u', [16] = 'u', [17] = 'u', [18] = 'u', [19] = 'u', [20] = 'u',
    [21] = 'u', [22] = 'u', [23] = 'u', [24] = 'u', [25] = 'u', [26] = 'u', [27] = 'u', [28] = 'u',
    [29] = 'u', [30] = 'u', [31] = 'u'};

/* Is one of the eight bytes to be escaped? A byte below n borrows into its top bit (Warren, Hacker's
 * Delight 6-1); one of the top half never does. */
static int any_escaped(uint64_t eight) {
    const uint64_t ones = 0x0101010101010101u;
    uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';
    return (((eight - ones * ' ') & ~eight) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) >> 7 & ones ? 1 : 0;
}

static uint8_t *put_quoted(uint8_t *at, const uint8_t *value, int32_t size) {
    *at++ = '"';
    for (const uint8_t *end = value + size; value < end; value++) {
        uint64_t eight;
        for (; end - value >= 8; value += 8, at += 8) {
            memcpy(&eight, value, 8);
            if (any_escaped(eight)) break;
            memcpy(at, &eight, 8);
        }
        if (value == end) break;
        uint8_t letter = ESCAPED[*value];
        if (!letter) {
            *at++ = *value;
            continue;
        }
        *at++ = '\\';
        *at++ = letter;
        if (letter != 'u') continue;
        *at++ = '0';
        *at++ = '0';
        *at++ = (uint8_t)('0' + (*value >> 4));
        *at++ = (uint8_t)"0123456789abcdef"[*value & 15];
    }
    *at++ = '"';
    return at;
}

static uint8_t *put_digits(uint8_t *at, int64_t value, int digits) {
    for (int i = digits; i--; value /= 10) at[i] = (uint8_t)('0' + value % 10);
    return at + digits;
}

/* "2026-01-31T23:59:59Z", with 3 or 6 digits behind the seconds if it needs them. NULL: a year
 * that has no four digits. The calendar: https://howardhinnant.github.io/date_algorithms.html */
static uint8_t *put_instant(uint8_t *at, int64_t us) {
    int64_t days = us / DAY - (us % DAY < 0), rest = us - days * DAY;
    int64_t since = days + 719468; /* from the 1st of March of the year 0 */
    if (since < 0) return NULL;
    int64_t day_of_era = since % 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day + 2) / 153; /* 0: March */
    int64_t year = year_of_era + since / 146097 * 400 + (month >= 10);
    if (year > 9999) return NULL;
    int64_t second = rest / 1000000, fraction = rest % 1000000;
    *at++ = '"';
    at = put_digits(at, year, 4);
    *at++ = '-';
    at = put_digits(at, month < 10 ? month + 3 : month - 9, 2);
    *at++ = '-';
    at = put_digits(at, day - (153 * month + 2) / 5 + 1, 2);
    *at++ = 'T';
    at = put_digits(at, second / 3600, 2);
    *at++ = ':';
    at = put_digits(at, second / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, second % 60, 2);
    if (fraction) *at++ = '.';
    if (fraction % 1000) at = put_digits(at, fraction, 6);
    else if (fraction) at = put_digits(at, fraction / 1000, 3);
    *at++ = 'Z';
    *at++ = '"';
    return at;
}

static int put_member(scratch *s, const member *m, const field *f, int64_t row) {
    int32_t size = 0;
    const uint8_t *value = NULL;
    int absent = missing(f, row);
    if (m->kind == TEXT && !absent) value = text(f, row, &size);
    if (!make_room(s, m->key.size + (size_t)size * ESCAPE + TIME_ROOM)) return NO_MEMORY;
    uint8_t *at = s->bytes + s->size;
    if (m->key.size <= PADDING_ROOM / 4) memcpy(at, m->key.bytes, PADDING_ROOM / 4); /* no call */
    else memcpy(at, m->key.bytes, m->key.size);
    at += m->key.size;
    if (absent) memcpy(at, "null", 4), at += 4;
    else if (m->kind == TEXT) at = put_quoted(at, value, size);
    else if (m->kind == NUMBER) at = put_number(at, integer(f, row));
    else if (!(at = put_instant(at, integer(f, row)))) return NOT_OURS;
    s->size = (size_t)(at - s->bytes);
    return WRITTEN;
}

static int member_of(const struct ArrowSchema *column, int first, member *m) {
    const char *format = column->format;
    if (!strcmp(format, "vu")) m->kind = TEXT, m->width = 0;
    else if (!strcmp(format, "l")) m->kind = NUMBER, m->width = 8;
    else if (!strcmp(format, "i")) m->kind = NUMBER, m->width = 4;
    else if (!strcmp(format, "tsu:UTC")) m->kind = INSTANT, m->width = 8;
    else return NOT_OURS;
    size_t size = strlen(column->name);
    if (!make_room(&m->key, size * ESCAPE + 4)) return NO_MEMORY;
    uint8_t *at = m->key.bytes;
    *at++ = first ? '{' : ',';
    at = put_quoted(at, (const uint8_t *)column->name, (int32_t)size);
    *at++ = ':';
    m->key.size = (size_t)(at - m->key.bytes);
    return WRITTEN;
}

static int put_chunk(scratch *s, const struct ArrowArray *chunk, const member *members,
                     int64_t *ends) {
    int found = WRITTEN;
    field *fields = malloc((size_t)chunk->n_children * sizeof *fields);
    if (!fields) return NO_MEMORY;
    for (int64_t i = 0; i < chunk->n_children; i++)
        fields[i] = field_of(chunk, i, members[i].width, members[i].kind);
    for (int64_t row = 0; !found && row < chunk->length; row++) {
        for (int64_t i = 0; !found && i < chunk->n_children; i++)
            found = put_member(s, &members[i], &fields[i], fields[i].offset + row);
        if (found) break;
        s->bytes[s->size++] = '}'; /* there is PADDING_ROOM */
        ends[row] = (int64_t)s->size;
    }
    free(fields);
    return found;
}

/* Every row of a stream of `rows` rows of at least one column: all objects one after the other in
 * `texts`, to be freed with ledgerlake_free_json, and where each ends. */
int ledgerlake_write_json(struct ArrowArrayStream *stream, int64_t rows, int64_t *ends,
                          uint8_t **texts) {
    struct ArrowSchema schema;
    if (stream->get_schema(stream, &schema)) return BROKEN_STREAM;
    int64_t count = schema.n_children;
    member *members = calloc((size_t)count, sizeof *members);
    scratch s = {NULL, 0, 0};
    int found = members ? WRITTEN : NO_MEMORY;
    for (int64_t i = 0; !found && i < count; i++)
        found = member_of(schema.children[i], i == 0, &members[i]);
    schema.release(&schema);
    while (!found) {
        struct ArrowArray chunk;
        if (stream->get_next(stream, &chunk)) found = BROKEN_STREAM;
        if (found || !chunk.release) break;
        found = chunk.length > rows ? BROKEN_STREAM : put_chunk(&s, &chunk, members, ends);
        rows -= chunk.length;
        ends += chunk.length;
        chunk.release(&chunk);
    }
    if (!found && rows) found = BROKEN_STREAM;
    for (int64_t i = 0; members && i < count; i++) free(members[i].key.bytes);
    free(members);
    if (found) free(s.bytes);
    *texts = found ? NULL : s.bytes;
    return found;
}

void ledgerlake_free_json(uint8_t *texts) { free(texts); }
