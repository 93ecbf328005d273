#include <unistd.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <thread>

#include "cli/run.h"

int main(int argc, char** argv) {
  using namespace gatehouse::cli;
  const auto pause = [](std::chrono::milliseconds time) {
    std::this_thread::sleep_for(time);
    return std::cout.good();
  };
  const bool on_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  try {
    const Console console{std::cin, std::cout, std::cerr, on_terminal ? STDOUT_FILENO : -1, GATEHOUSE_VERSION, pause};
    const int code = run(argc, argv, console);
    std::cout.flush();
    if (!std::cout.good()) {
      std::cerr << "gatehouse: cannot write the output: is the disk full?\n";
      return exit_failed;
    }
    return code;
  } catch (const std::exception& exception) {
    std::cerr << "gatehouse: " << exception.what() << '\n';
    return exit_failed;
  }
}
