#include "serving/percent.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

mr_status mr_percent_decode(mr_text text, char *ret_bytes, size_t capacity,
                            size_t *ret_length)
{
    size_t length = 0;
    for (uint32_t i = 0; i < text.length; i++) {
        char c = text.bytes[i];
        if (c == '%') {
            const int high = text.length - i > 2 ? hex_digit(text.bytes[i + 1]) : -1;
            const int low = high >= 0 ? hex_digit(text.bytes[i + 2]) : -1;
            if (low < 0)
                return MR_ERR_CORRUPT;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (length == capacity)
            return MR_ERR_FULL;
        ret_bytes[length++] = c;
    }
    *ret_length = length;
    return MR_OK;
}
