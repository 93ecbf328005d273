#include "rustdesk/refusals.h"

namespace gatehouse::rustdesk {
namespace {

RegisterPkResult result_of(RegistrationRefusal refusal) {
  switch (refusal) {
    case RegistrationRefusal::too_frequent:
      return RegisterPkResult::too_frequent;
    case RegistrationRefusal::not_support:
      return RegisterPkResult::not_support;
    case RegistrationRefusal::server_error:
      return RegisterPkResult::server_error;
    case RegistrationRefusal::not_deployed:
      return RegisterPkResult::not_deployed;
  }
  return RegisterPkResult::not_support;
}

Buffer message(Body body) {
  return encode({.body = std::move(body), .unknown = {}});
}

}  // namespace

Buffer punch_refused(std::string_view text) {
  PunchHoleResponse response;
  response.other_failure = text;
  return message(std::move(response));
}

Buffer punch_failed(PunchHoleFailure failure) {
  PunchHoleResponse response;
  response.failure = failure;
  return message(std::move(response));
}

Buffer relay_refused(std::string_view text) {
  RelayResponse response;
  response.refuse_reason = text;
  return message(std::move(response));
}

Buffer registration_refused(RegistrationRefusal refusal) {
  RegisterPkResponse response;
  response.result = result_of(refusal);
  return message(std::move(response));
}

Buffer heartbeat_answered(bool request_pk) {
  RegisterPeerResponse response;
  response.request_pk = request_pk;
  return message(std::move(response));
}

Buffer nat_test_answered(std::uint16_t port) {
  TestNatResponse response;
  response.port = port;
  return message(std::move(response));
}

}  // namespace gatehouse::rustdesk
