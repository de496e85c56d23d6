/*
 * Pinyin for search: what a person types on a Latin keyboard, all of it ("zhongguo") or the initials alone
 * ("zgyh").
 *
 * A text becomes syllables: a Han character is one, so is a digit, a sign, a letter of a short run (ABC) and
 * a longer run of letters as a whole. A search begins at a syllable. Characters with several readings are
 * offered with each of them, as long as a text has few: 银行 is yinhang and yinxing. The first line always
 * has the most common readings, so that a word written in Han finds itself.
 */
#include "text/text_int.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PINYIN_VERSION "pinyin-1"

enum {
    FIRST = 0x3400,
    END = 0xA000,
    SYLLABLES_MAX = 200, /* of a text; what comes after them is not found */
    VARIANTS_MAX = 8,
    READINGS_MAX = 4,
    SHORT_RUN = 4,
    RUN_MAX = 64,     /* letters of a run that are kept, and looked for */
    TEXT_MAX = 65000, /* bytes of all readings of a text; their column holds 65,535 */
};

static const struct line {
    const char *reading, *characters;
} COMMON[] =
    {
#define SYLLABLE(reading, characters) {reading, characters},
#include "text/pinyin.def"
#undef SYLLABLE
},
  OTHER[] = {
#define READING(reading, characters) {reading, characters},
#include "text/readings.def"
#undef READING
};
enum { N_COMMON = sizeof(COMMON) / sizeof(COMMON[0]), N_OTHER = sizeof(OTHER) / sizeof(OTHER[0]) };

static struct {
    pthread_once_t once;
    uint16_t common[END - FIRST]; /* 1 + place in COMMON; 0: none */
    bool has_other[END - FIRST];
} table = {.once = PTHREAD_ONCE_INIT};

const char *text_pinyin_version(void)
{
    return PINYIN_VERSION;
}

static uint32_t point_of(struct str one)
{
    uint32_t point = (unsigned char)one.p[0];
    if (one.n > 1)
        point &= 0x7fu >> one.n;
    for (size_t i = 1; i < one.n; i++)
        point = point << 6 | ((unsigned char)one.p[i] & 0x3f);
    return point;
}

/* The character that the text begins with; a byte that begins none stands for itself. */
static struct str take_character(struct str *rest)
{
    size_t n = str_utf8_next(*rest);
    struct str one = {rest->p, n ? n : 1};
    *rest = (struct str){rest->p + one.n, rest->n - one.n};
    return one;
}

static void fill_table(void)
{
    for (size_t i = 0; i < N_COMMON; i++)
        for (struct str rest = str_of(COMMON[i].characters); rest.n > 0;)
            table.common[point_of(take_character(&rest)) - FIRST] = (uint16_t)(i + 1);
    for (size_t i = 0; i < N_OTHER; i++)
        for (struct str rest = str_of(OTHER[i].characters); rest.n > 0;)
            table.has_other[point_of(take_character(&rest)) - FIRST] = true;
}

/* ---- syllables ----------------------------------------------------------------------------------------- */

struct syllable {
    struct str readings[READINGS_MAX]; /* the most common first; of what is not Han: itself */
    size_t n;
    bool is_plain; /* not a reading and not a run of letters: its initial is the whole of it */
};

static void add_reading(struct syllable *syllable, struct str reading)
{
    if (syllable->n < READINGS_MAX)
        syllable->readings[syllable->n++] = reading;
}

/* lv is typed as lu, too. */
static void add_without_umlaut(struct syllable *syllable, struct arena *arena)
{
    struct str reading = syllable->readings[0];
    if (reading.n < 2 || reading.p[1] != 'v')
        return;
    char *p = arena_alloc(arena, reading.n + 1);
    memcpy(p, reading.p, reading.n);
    p[1] = 'u';
    add_reading(syllable, (struct str){p, reading.n});
}

static bool read_han(struct str one, struct arena *arena, struct syllable *ret_syllable)
{
    uint32_t point = point_of(one);
    if (point < FIRST || point >= END || table.common[point - FIRST] == 0)
        return false;
    add_reading(ret_syllable, str_of(COMMON[table.common[point - FIRST] - 1].reading));
    for (size_t i = 0; table.has_other[point - FIRST] && i < N_OTHER; i++)
        if (strstr(OTHER[i].characters, arena_cstr(arena, one)))
            add_reading(ret_syllable, str_of(OTHER[i].reading));
    add_without_umlaut(ret_syllable, arena);
    return true;
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static size_t letters_at(struct str text)
{
    size_t n = 0;
    while (n < text.n && is_letter(text.p[n]))
        n++;
    return n;
}

static struct syllable *read_syllables(struct str folded, struct arena *arena, size_t *ret_n)
{
    struct syllable *syllables = arena_new_array(arena, struct syllable, SYLLABLES_MAX);
    size_t n = 0, short_run = 0;
    while (folded.n > 0 && n < SYLLABLES_MAX) {
        size_t run = short_run ? 0 : letters_at(folded);
        struct syllable *syllable = &syllables[n];
        if (run > SHORT_RUN) {
            add_reading(syllable, (struct str){folded.p, run < RUN_MAX ? run : RUN_MAX});
            folded = (struct str){folded.p + run, folded.n - run};
            n++;
            continue;
        }
        short_run = short_run ? short_run - 1 : run ? run - 1 : 0;
        struct str one = take_character(&folded);
        if (one.p[0] == ' ')
            continue;
        if (one.n == 1 || !read_han(one, arena, syllable)) {
            add_reading(syllable, one);
            syllable->is_plain = true;
        }
        n++;
    }
    *ret_n = n;
    return syllables;
}

/* ---- what is kept of a text ---------------------------------------------------------------------------- */

/* Each syllable begins with a capital. */
static void add_line(const struct syllable *syllables, size_t n, const size_t *chosen, struct buf *text)
{
    for (size_t i = 0; i < n; i++) {
        struct str reading = syllables[i].readings[chosen[i]];
        bool letter = is_letter(reading.p[0]);
        buf_add_char(text, (char)(letter ? reading.p[0] - 'a' + 'A' : reading.p[0]));
        buf_add(text, reading.p + 1, reading.n - 1);
    }
}

static struct str word_from(const struct syllable *syllables, size_t n, const size_t *chosen, size_t from,
    bool initials, struct arena *arena)
{
    char *p = arena_alloc(arena, TEXT_PINYIN_WORD_MAX + 1);
    size_t length = 0;
    for (size_t i = from; i < n && length < TEXT_PINYIN_WORD_MAX; i++) {
        struct str reading = syllables[i].readings[chosen[i]];
        size_t take = initials && !syllables[i].is_plain ? 1 : reading.n;
        take = take < TEXT_PINYIN_WORD_MAX - length ? take : TEXT_PINYIN_WORD_MAX - length;
        memcpy(p + length, reading.p, take);
        length += take;
    }
    return (struct str){p, length};
}

/* The next choice of readings; false: all were there. */
static bool next_choice(const struct syllable *syllables, size_t n, size_t *chosen)
{
    for (size_t i = 0; i < n; i++) {
        if (++chosen[i] < syllables[i].n)
            return true;
        chosen[i] = 0;
    }
    return false;
}

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void sort_words(struct text_pinyin *pinyin)
{
    size_t kept = 0;
    qsort(pinyin->words, pinyin->n_words, sizeof(pinyin->words[0]), by_bytes);
    for (size_t i = 0; i < pinyin->n_words; i++)
        if (kept == 0 || !str_eq(pinyin->words[kept - 1], pinyin->words[i]))
            pinyin->words[kept++] = pinyin->words[i];
    pinyin->n_words = kept;
}

void text_pinyin(struct arena *arena, struct str folded, struct text_pinyin *ret_pinyin)
{
    (void)pthread_once(&table.once, fill_table);
    size_t n, variants = 0;
    struct syllable *syllables = read_syllables(folded, arena, &n);
    size_t *chosen = arena_new_array(arena, size_t, n + 1);
    struct text_pinyin pinyin = {0};
    struct buf text = {0};
    buf_init(&text, 0);
    pinyin.words = arena_new_array(arena, struct str, 2 * n * VARIANTS_MAX + 1);
    do {
        size_t good = text.n;
        if (variants > 0)
            buf_add_char(&text, '\n');
        add_line(syllables, n, chosen, &text);
        if (text.n > TEXT_MAX) { /* never the first line */
            text.n = good;
            break;
        }
        for (size_t from = 0; from < n; from++) {
            pinyin.words[pinyin.n_words++] = word_from(syllables, n, chosen, from, false, arena);
            if (from + 1 < n) /* of one syllable the initial begins the whole */
                pinyin.words[pinyin.n_words++] = word_from(syllables, n, chosen, from, true, arena);
        }
    } while (++variants < VARIANTS_MAX && next_choice(syllables, n, chosen));
    pinyin.text = arena_copy(arena, buf_str(&text));
    buf_done(&text);
    sort_words(&pinyin);
    *ret_pinyin = pinyin;
}

/* ---- what is searched ---------------------------------------------------------------------------------- */

static void add_pattern(struct buf *pattern, struct str one, bool first)
{
    char c = one.p[0];
    if (is_letter(c) && first)
        buf_add_char(pattern, (char)(c - 'a' + 'A'));
    else if (is_letter(c))
        buf_printf(pattern, "[%c%c]", c, c - 'a' + 'A');
    else if (one.n == 1 && (unsigned char)c < 0x80 && (c < '0' || c > '9'))
        buf_printf(pattern, "\\x%02x", (unsigned)(unsigned char)c);
    else
        buf_add_str(pattern, one);
}

static void add_initials(struct buf *pattern, struct str word)
{
    buf_add_char(pattern, '|');
    for (size_t i = 0; i < word.n; i++) {
        add_pattern(pattern, (struct str){word.p + i, 1}, true);
        if (is_letter(word.p[i]) && i + 1 < word.n)
            buf_add_text(pattern, "[a-z]*");
    }
}

void text_pinyin_word(struct arena *arena, struct str word, struct text_pinyin_word *ret_word)
{
    (void)pthread_once(&table.once, fill_table);
    struct buf spelt = {0}, pattern = {0};
    bool ascii = true, plain = word.n > 1;
    buf_init(&spelt, 0);
    buf_init(&pattern, 0);
    for (struct str rest = word; rest.n > 0;) {
        struct syllable syllable = {0};
        struct str one = take_character(&rest);
        ascii = ascii && (unsigned char)one.p[0] < 0x80;
        plain = plain && (is_letter(one.p[0]) || (one.p[0] >= '0' && one.p[0] <= '9'));
        buf_add_str(&spelt, one.n > 1 && read_han(one, arena, &syllable) ? syllable.readings[0] : one);
    }
    struct str all = arena_copy(arena, buf_str(&spelt));
    size_t run = 0;
    for (struct str rest = all; rest.n > 0;) {
        bool first = rest.p == all.p;
        struct str one = take_character(&rest);
        run = is_letter(one.p[0]) ? run + 1 : 0;
        if (run > RUN_MAX) /* no reading need have more of them */
            break;
        add_pattern(&pattern, one, first);
    }
    if (plain)
        add_initials(&pattern, word);
    *ret_word = (struct text_pinyin_word){
        .begins = {all.p, all.n < TEXT_PINYIN_WORD_MAX ? all.n : TEXT_PINYIN_WORD_MAX},
        .pattern = arena_copy(arena, buf_str(&pattern)),
        .is_ascii = ascii};
    buf_done(&spelt);
    buf_done(&pattern);
}
