// A reader for BoltDB files, the format in which Weave Net keeps its state. It reads one bucket as a whole, from bytes
// that may be damaged.
//
// The file is an array of pages, all numbers little endian:
//
//   page     id u64 | flags u16 | count u16 | overflow u32 | content             overflow: pages that belong to it as
//   well meta     magic u32 | version u32 | page size u32 | flags u32 | root bucket | free list u64 | high water u64 |
//            transaction u64 | FNV-1a u64 of all this                            pages 0 and 1; the newer valid one
//            counts
//   branch   count times: pos u32 | key size u32 | page u64                      pos: from here to the key
//   leaf     count times: flags u32 | pos u32 | key size u32 | value size u32    flags 1: the value is a bucket
//   bucket   root page u64 | sequence u64 | when root is 0: a leaf page, inline
//
// Source: BoltDB 1.3, page.go, node.go and bucket.go.
#pragma once
#include <map>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace weave::migrate {

// Keys and values of the bucket of that name, buckets within it left out. The values point into `file`. Empty when
// there is no such bucket. Refuses what isn't a BoltDB file, and damaged ones.
Result<std::map<std::string, ByteView>> read_bolt_bucket(ByteView file, std::string_view bucket);

// The checksum of a meta page: FNV-1a with 64 bits.
uint64_t bolt_checksum(ByteView bytes);

}  // namespace weave::migrate
