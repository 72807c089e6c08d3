// The compiled programs of the fast datapath (bpf/fastdp.bpf.c), an ELF object.
#pragma once
#include "base/bytes.hpp"

namespace weave::overlay {

ByteView fastdp_object();

}  // namespace weave::overlay
