/*
 * Bytes as text. Base64url is written without padding and read strictly: each value has one text only, so a
 * token cannot be spelt in two ways.
 */
#include "crypto/crypto.h"

#include <string.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct str crypto_hex(struct arena *arena, const void *p, size_t n)
{
    static const char HEX[] = "0123456789abcdef";
    const unsigned char *bytes = p;
    char *text = arena_alloc(arena, n * 2 + 1);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = HEX[bytes[i] >> 4];
        text[2 * i + 1] = HEX[bytes[i] & 15];
    }
    return (struct str){text, n * 2};
}

/* 0 to 15, or more where the character is none of hex. */
static unsigned nibble(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

bool crypto_hex_decode(struct str text, unsigned char *bytes, size_t n)
{
    unsigned bad = 0;
    if (text.n != n * 2)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned high = nibble(text.p[2 * i]), low = nibble(text.p[2 * i + 1]);
        bad |= (high | low) & 16;
        bytes[i] = (unsigned char)(high << 4 | (low & 15));
    }
    return bad == 0;
}

struct str crypto_base64url(struct arena *arena, const void *p, size_t n)
{
    const unsigned char *bytes = p;
    char *text = arena_alloc(arena, n / 3 * 4 + 5);
    size_t length = 0;
    for (size_t i = 0; i < n; i += 3) {
        size_t here = n - i < 3 ? n - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= here > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= here > 2 ? (uint32_t)bytes[i + 2] : 0;
        for (size_t j = 0; j <= here; j++)
            text[length++] = ALPHABET[group >> (18 - 6 * j) & 63];
    }
    return (struct str){text, length};
}

static int digit_of(char c)
{
    const char *at = c ? strchr(ALPHABET, c) : NULL;
    return at ? (int)(at - ALPHABET) : -1;
}

bool crypto_base64url_decode(struct arena *arena, struct str text, struct str *ret_bytes)
{
    if (text.n % 4 == 1)
        return false;
    char *bytes = arena_alloc(arena, text.n / 4 * 3 + 3);
    size_t n = 0;
    uint32_t bits = 0;
    int n_bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        int digit = digit_of(text.p[i]);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (uint32_t)digit) & 0xFFFF;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[n++] = (char)(bits >> n_bits & 0xFF);
        }
    }
    /* Bits left over must be zero, or another last letter would mean the same bytes. */
    if (bits & ((1u << n_bits) - 1))
        return false;
    *ret_bytes = (struct str){bytes, n};
    return true;
}
