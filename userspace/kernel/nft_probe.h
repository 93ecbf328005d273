// What nftables can do on this kernel, found out by asking for it. The questions stand in a transaction that is made to
// fail at its end, so that the kernel answers each and keeps nothing; only the question about timeouts needs a table
// for a moment, without a hook and under a name of its own. Threads: any, but one at a time in a process. Where
// nftables cannot be asked at all (no CAP_NET_ADMIN), everything is false.
#pragma once

namespace gatehouse::kernel {

struct NftFeatures {
  bool tproxy = false;
  bool socket = false;              // `socket transparent` and `socket wildcard`
  bool table_owner = false;         // a table can belong to one socket (5.12)
  bool set_timeout_update = false;  // re-adding an element extends its timeout (6.12)
};

NftFeatures probe_nft();

}  // namespace gatehouse::kernel
