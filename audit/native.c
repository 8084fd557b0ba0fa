/* SHA-256 over canonical rows and over pairs of tree nodes, for whole columns in one call.
 *
 * Holds the same encoding as audit/canonical.py's reference, over Arrow columns, and SHA-256 of
 * FIPS 180-4 with the processor's own instructions where it has them. Knows no Python: loaded by
 * audit/native.py. Called without Python's lock.
 */

#include "rows.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HAVE_X86 1
#include <cpuid.h>
#include <immintrin.h>
#endif

#define DIGEST 32
#define BLOCK 64

enum { RAW_TEXT = 0 }; /* tag of a text written bare, without length and comma */

/* What ledgerlake_hash_stream found. */
enum { WHOLE = 0, NO_MEMORY = 1, OTHER_COLUMNS = 2, BROKEN_STREAM = 3 };

/* A column wanted: its name, its Arrow format, the bytes of one value (0: views of texts; of 16, a
 * little-endian integer, the low 8 are the value) and the tag it is written with. */
typedef struct {
    const char *name;
    const char *format;
    int32_t width;
    int32_t tag;
} column;

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static const uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint32_t rotated(uint32_t x, int by) { return (x >> by) | (x << (32 - by)); }

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The state of one text on its way through SHA-256, and the rest of the text, of whole blocks. */
typedef struct {
    uint32_t state[8];
    const uint8_t *data;
    size_t blocks;
} running;

/* FIPS 180-4 section 6.2.2, on any processor. */
static void compress_plain(running *texts, int count, size_t blocks) {
    for (; count; count--, texts++) {
        texts->blocks -= blocks;
        for (size_t left = blocks; left; left--, texts->data += BLOCK) {
            uint32_t w[64], s[8];
            for (int t = 0; t < 16; t++) w[t] = big_endian(texts->data + 4 * t);
            for (int t = 16; t < 64; t++) {
                uint32_t a = w[t - 15], b = w[t - 2];
                w[t] = w[t - 16] + (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) + w[t - 7] +
                       (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
            }
            memcpy(s, texts->state, sizeof s);
            for (int t = 0; t < 64; t++) {
                uint32_t e = s[4], a = s[0];
                uint32_t one = s[7] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +
                               ((e & s[5]) ^ (~e & s[6])) + K[t] + w[t];
                uint32_t two = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +
                               ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
                memmove(s + 1, s, 7 * sizeof *s);
                s[4] += one;
                s[0] = one + two;
            }
            for (int i = 0; i < 8; i++) texts->state[i] += s[i];
        }
    }
}

#ifdef HAVE_X86
#define X86_SHA __attribute__((target("sha,sse4.1,ssse3")))

/* The same with Intel's SHA extensions: four rounds a step, the schedule one step ahead. Each round
 * waits for the one before: a second text's rounds fill the wait. `count`, 1 or 2, is a constant to
 * the compiler. */
X86_SHA static inline __attribute__((always_inline)) void rounds_x86(running *texts, int count,
                                                                     size_t blocks) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i abef[2], cdgh[2], w[2][4];
    for (int j = 0; j < count; j++) {
        const __m128i *state = (const __m128i *)texts[j].state;
        __m128i low = _mm_shuffle_epi32(_mm_loadu_si128(state), 0xB1);
        __m128i high = _mm_shuffle_epi32(_mm_loadu_si128(state + 1), 0x1B);
        abef[j] = _mm_alignr_epi8(low, high, 8);
        cdgh[j] = _mm_blend_epi16(high, low, 0xF0);
        texts[j].blocks -= blocks;
    }
    for (; blocks; blocks--) {
        __m128i abef_before[2], cdgh_before[2];
        for (int j = 0; j < count; j++, texts[j - 1].data += BLOCK) {
            abef_before[j] = abef[j], cdgh_before[j] = cdgh[j];
            for (int i = 0; i < 4; i++)
                w[j][i] = _mm_shuffle_epi8(
                    _mm_loadu_si128((const __m128i *)texts[j].data + i), swap);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) {
#pragma GCC unroll 2
            for (int j = 0; j < count; j++) {
                __m128i *now = &w[j][i & 3], *last = &w[j][(i + 3) & 3], *next = &w[j][(i + 1) & 3];
                __m128i sum = _mm_add_epi32(*now, _mm_loadu_si128((const __m128i *)K + i));
                cdgh[j] = _mm_sha256rnds2_epu32(cdgh[j], abef[j], sum);
                if (i >= 3 && i <= 14)
                    *next = _mm_sha256msg2_epu32(
                        _mm_add_epi32(*next, _mm_alignr_epi8(*now, *last, 4)), *now);
                abef[j] = _mm_sha256rnds2_epu32(abef[j], cdgh[j], _mm_shuffle_epi32(sum, 0x0E));
                if (i >= 1 && i <= 12) *last = _mm_sha256msg1_epu32(*last, *now);
            }
        }
        for (int j = 0; j < count; j++) {
            abef[j] = _mm_add_epi32(abef[j], abef_before[j]);
            cdgh[j] = _mm_add_epi32(cdgh[j], cdgh_before[j]);
        }
    }
    for (int j = 0; j < count; j++) {
        __m128i *state = (__m128i *)texts[j].state;
        __m128i low = _mm_shuffle_epi32(abef[j], 0x1B);
        __m128i high = _mm_shuffle_epi32(cdgh[j], 0xB1);
        _mm_storeu_si128(state, _mm_blend_epi16(low, high, 0xF0));
        _mm_storeu_si128(state + 1, _mm_alignr_epi8(high, low, 8));
    }
}

X86_SHA static void compress_x86(running *texts, int count, size_t blocks) {
    if (count == 2) rounds_x86(texts, 2, blocks);
    else rounds_x86(texts, 1, blocks);
}

static int x86_has_sha(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#endif

/* Takes each of one or two texts `blocks` further. */
typedef void (*compressor)(running *, int, size_t);

static compressor best_compressor(int plain) {
#ifdef HAVE_X86
    if (!plain && x86_has_sha()) return compress_x86;
#endif
    (void)plain;
    return compress_plain;
}

/* To begin with text[0..size), which has PADDING_ROOM bytes of room behind it. */
static running begun(uint8_t *text, size_t size) {
    uint64_t bits = (uint64_t)size * 8;
    size_t padded = (size + 9 + BLOCK - 1) / BLOCK * BLOCK;
    running begun = {.data = text, .blocks = padded / BLOCK};
    text[size] = 0x80;
    memset(text + size + 1, 0, padded - size - 1);
    for (int i = 0; i < 8; i++) text[padded - 1 - i] = (uint8_t)(bits >> 8 * i);
    memcpy(begun.state, START, sizeof begun.state);
    return begun;
}

/* SHA-256 of one or two texts, one after the other in `out`. */
static void digest(compressor compress, running *texts, int count, uint8_t *out) {
    size_t shared = texts[0].blocks;
    if (count == 2 && texts[1].blocks < shared) shared = texts[1].blocks;
    compress(texts, count, shared);
    for (; count; count--, texts++, out += DIGEST) {
        if (texts->blocks) compress(texts, 1, texts->blocks);
        for (int i = 0; i < 8; i++)
            for (int j = 0; j < 4; j++) out[4 * i + j] = (uint8_t)(texts->state[i] >> (24 - 8 * j));
    }
}

static int put_field(scratch *s, const field *f, int64_t row) {
    int32_t size = 0;
    const uint8_t *value = NULL;
    int absent = missing(f, row);
    if (!f->width && !absent) value = text(f, row, &size);
    if (!make_room(s, (size_t)size + NUMBER_ROOM)) return 0;
    uint8_t *at = s->bytes + s->size;
    if (absent) {
        *at++ = '-';
    } else if (f->width) {
        *at++ = (uint8_t)f->tag;
        at = put_number(at, integer(f, row));
        *at++ = ';';
    } else {
        if (f->tag != RAW_TEXT) {
            *at++ = (uint8_t)f->tag;
            at = put_number(at, size);
            *at++ = ':';
        }
        if (size <= INLINE_TEXT) memcpy(at, value, INLINE_TEXT); /* of known size: no call */
        else copy(at, value, (size_t)size);
        at += size;
        if (f->tag != RAW_TEXT) *at++ = ',';
    }
    s->size = (size_t)(at - s->bytes);
    return 1;
}

/* Which of a stream's columns each wanted one is. 0 when one is not there, or of another type. */
static int find_columns(const struct ArrowSchema *schema, int32_t count, const column *wanted,
                        int64_t *at) {
    for (int32_t i = 0; i < count; i++) {
        for (at[i] = 0; at[i] < schema->n_children; at[i]++)
            if (!strcmp(schema->children[at[i]]->name, wanted[i].name)) break;
        if (at[i] == schema->n_children) return 0;
        if (strcmp(schema->children[at[i]]->format, wanted[i].format)) return 0;
    }
    return 1;
}

static int put_row(scratch *s, int64_t row, int32_t count, const field *fields) {
    for (int32_t i = 0; i < count; i++)
        if (!put_field(s, &fields[i], fields[i].offset + row)) return 0;
    return 1;
}

/* SHA-256 of what each scratch holds and the fields of each row behind it, two rows at a time. */
static int hash_chunk(compressor compress, scratch pair[2], int64_t rows, int32_t count,
                      const field *fields, uint8_t *out) {
    const size_t prefix_size = pair[0].size;
    int whole = 1;
    for (int64_t row = 0; whole && row < rows; row += 2) {
        running texts[2];
        int now = rows - row < 2 ? 1 : 2;
        for (int j = 0; whole && j < now; j++) {
            whole = put_row(&pair[j], row + j, count, fields);
            if (whole) texts[j] = begun(pair[j].bytes, pair[j].size);
            pair[j].size = prefix_size;
        }
        if (whole) digest(compress, texts, now, out + row * DIGEST);
    }
    return whole;
}

/* SHA-256(prefix || fields of the row) of every row of a stream of `rows` rows, 32 bytes each. */
int ledgerlake_hash_stream(struct ArrowArrayStream *stream, int64_t rows, const uint8_t *prefix,
                         int64_t prefix_size, int32_t count, const column *wanted, int plain,
                         uint8_t *out) {
    struct ArrowSchema schema;
    if (stream->get_schema(stream, &schema)) return BROKEN_STREAM;
    int64_t *at = malloc((size_t)count * sizeof *at);
    field *fields = malloc((size_t)count * sizeof *fields);
    scratch pair[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    int found = at && fields ? WHOLE : NO_MEMORY;
    if (!found && !find_columns(&schema, count, wanted, at)) found = OTHER_COLUMNS;
    schema.release(&schema);
    for (int j = 0; !found && j < 2; j++) {
        if (!make_room(&pair[j], (size_t)prefix_size)) found = NO_MEMORY;
        else memcpy(pair[j].bytes, prefix, pair[j].size = (size_t)prefix_size);
    }
    while (!found) {
        struct ArrowArray chunk;
        if (stream->get_next(stream, &chunk)) found = BROKEN_STREAM;
        if (found || !chunk.release) break;
        for (int32_t i = 0; i < count; i++) fields[i] = field_of(&chunk, at[i], wanted[i].width, wanted[i].tag);
        if (chunk.length > rows) found = BROKEN_STREAM;
        else if (!hash_chunk(best_compressor(plain), pair, chunk.length, count, fields, out))
            found = NO_MEMORY;
        rows -= chunk.length;
        out += chunk.length * DIGEST;
        chunk.release(&chunk);
    }
    if (!found && rows) found = BROKEN_STREAM;
    free(pair[0].bytes);
    free(pair[1].bytes);
    free(fields);
    free(at);
    return found;
}

static void hash_pair(compressor compress, uint8_t prefix, const uint8_t *left,
                      const uint8_t *right, uint8_t *out) {
    uint8_t pair[1 + 2 * DIGEST + PADDING_ROOM];
    pair[0] = prefix;
    memcpy(pair + 1, left, DIGEST);
    memcpy(pair + 1 + DIGEST, right, DIGEST);
    running text = begun(pair, 1 + 2 * DIGEST);
    digest(compress, &text, 1, out);
}

/* SHA-256(prefix || left || right) of neighbouring digests, 32 bytes for every 64. */
void ledgerlake_hash_pairs(int64_t pairs, uint8_t prefix, const uint8_t *nodes, int plain,
                           uint8_t *out) {
    compressor compress = best_compressor(plain);
    for (int64_t i = 0; i < pairs; i++, nodes += 2 * DIGEST)
        hash_pair(compress, prefix, nodes, nodes + DIGEST, out + i * DIGEST);
}

/* Append leaves to a tree of `size` leaves. `edge` holds, at the place of its level, the node of
 * each complete subtree on the right edge; nodes of `tile_level` completed go to `tiles`. */
void ledgerlake_extend_tree(int64_t size, uint8_t *edge, int64_t leaves, const uint8_t *hashes,
                            uint8_t prefix, int32_t tile_level, int plain, uint8_t *tiles) {
    compressor compress = best_compressor(plain);
    for (int64_t i = 0; i < leaves; i++, size++) {
        uint8_t node[DIGEST];
        int32_t level = 0;
        memcpy(node, hashes + i * DIGEST, DIGEST);
        for (; size >> level & 1; level++) {
            hash_pair(compress, prefix, edge + level * DIGEST, node, node);
            if (level + 1 == tile_level) {
                memcpy(tiles, node, DIGEST);
                tiles += DIGEST;
            }
        }
        memcpy(edge + level * DIGEST, node, DIGEST);
    }
}
