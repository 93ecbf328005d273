// The types of the event loop: an io_context that one thread runs. Everything of a relay has the loop's own executor
// type, which costs neither an allocation nor a virtual call where the type-erased default would.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace gatehouse::relay {

using LoopExecutor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, LoopExecutor>;
using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
template <typename T>
using Task = boost::asio::awaitable<T, LoopExecutor>;

inline constexpr boost::asio::use_awaitable_t<LoopExecutor> awaiting{};

}  // namespace gatehouse::relay
