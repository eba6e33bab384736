/*
 * Redis slot: which of a cluster's 16,384 slots a key lies in.
 *
 * CRC16 of the key's hash tag, modulo 16,384 [Redis Cluster specification, "Key distribution
 * model"]: the XMODEM polynomial x^16 + x^12 + x^5 + 1, from 0, not reflected.  The tag is what
 * stands between the first '{' and the first '}' after it, unless that is nothing; else it is
 * the whole key.
 *
 * Units      Lengths in bytes.
 * Ownership  A tag is lent by its key.
 * Threads    Any: pure functions.
 * Cost       One step of a table a byte: about 40 ns for one of our keys.
 */
#ifndef MR_SERVING_REDIS_SLOT_H
#define MR_SERVING_REDIS_SLOT_H

#include "core/text.h"

enum { MR_REDIS_SLOTS = 16384 };

mr_text mr_redis_hash_tag(mr_text key);
uint16_t mr_redis_crc16(mr_text text);
uint16_t mr_redis_slot(mr_text key); /* < MR_REDIS_SLOTS */

#endif
