// What this kernel can do, probed once at start without leaving a trace; shown by `gatehouse doctor` and in the status.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace gatehouse::kernel {

struct Features {
  std::string kernel_release;
  bool btf = false;
  bool sk_lookup = false;
  bool xdp = false;
  bool ring_buffer = false;
  bool lpm_batch = false;  // batch operations on the trie
  bool nft_tproxy = false;
  bool nft_socket = false;
  bool nft_table_owner = false;
  bool nft_set_timeout_update = false;  // re-adding an element extends it (6.12)
  bool tcx = false;

  struct Named {
    std::string name;
    bool present = false;
    std::string used_for;
  };
  [[nodiscard]] std::vector<Named> table() const;
};

Features probe_features();

}  // namespace gatehouse::kernel
