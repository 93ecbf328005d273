// The rest of the front's certificate chain on the wire. FreeRDP 3.10 gives its TLS the service's own certificate only
// (freerdp_tls_accept() in libfreerdp/crypto/tls.c: SSL_use_certificate), and clients that know the root alone then
// cannot build the chain.
//
// OpenSSL sends the extra certificates of a context (SSL_CTX_add_extra_chain_cert(3)) with whatever certificate is
// used. The context is FreeRDP's; it is reached when it is made, by OpenSSL's callback for new structures
// (CRYPTO_get_ex_new_index(3)). The back's context gets them too and has no certificate to send them with.
//
// Threads: called once, before there is a session; the callback runs on any.
#pragma once

#include <string>

#include "base/result.h"

namespace gatehouse::rdp {

// `pem`: the service's certificate, and after it those of the chain, which from now on are sent. None: nothing is done.
Result<void> send_chain_of(const std::string& pem);

}  // namespace gatehouse::rdp
