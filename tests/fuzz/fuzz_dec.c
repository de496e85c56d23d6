/*
 * Decimals. The input is two texts with a blank between them and a scale: what is taken prints back to
 * itself, and the laws of arithmetic hold wherever the results fit.
 */
#include "base/dec.h"
#include "base/must.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool same(struct dec a, struct dec b)
{
    return a.units == b.units && a.scale == b.scale;
}

static void check_text(struct str text, struct dec value)
{
    char printed[DEC_TEXT_MAX];
    struct dec again;
    size_t n = dec_print(value, printed);
    must(n < DEC_TEXT_MAX && printed[n] == '\0');
    must(dec_parse((struct str){printed, n}, &again) && same(again, value));
    must(n <= text.n);
}

static void check_laws(struct dec a, struct dec b)
{
    struct dec x, y, z;
    bool sums = dec_add(a, b, &x);
    must(dec_add(b, a, &y) == sums && (!sums || same(x, y)));
    if (sums && dec_sub(x, b, &z))
        must(dec_cmp(z, a) == 0);
    bool products = dec_mul(a, b, &x);
    must(dec_mul(b, a, &y) == products && (!products || same(x, y)));
    must(dec_cmp(a, b) == -dec_cmp(b, a));
    if (dec_sub(a, b, &z))
        must((z.units > 0) - (z.units < 0) == dec_cmp(a, b));
}

static void check_scale(struct dec value, int scale)
{
    struct dec exact, rounded, back, gap;
    bool is_exact = dec_rescale(value, scale, &exact), is_round = dec_round(value, scale, &rounded);
    must(!is_exact || (is_round && same(exact, rounded) && dec_cmp(exact, value) == 0));
    if (!is_round || !dec_sub(value, rounded, &gap) || !dec_add(gap, gap, &back))
        return;
    /* Twice the error is at most one unit of the last place kept. */
    struct dec unit = {.units = gap.units < 0 ? -1 : 1, .scale = scale};
    must(gap.units < 0 ? dec_cmp(back, unit) >= 0 : dec_cmp(back, unit) <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct str rest = {(const char *)data + 1, n - 1}, first = str_cut(&rest, ' ');
    struct dec a, b;
    if (!dec_parse(first, &a))
        return 0;
    check_text(first, a);
    check_scale(a, data[0] % (DEC_MAX_DIGITS + 1));
    if (dec_parse(rest, &b))
        check_laws(a, b);
    return 0;
}
