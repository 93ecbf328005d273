// What happens on the desktop that is measured: a window that answers clicks, or one that moves.
//
//   desktop_window flip X Y WIDTH HEIGHT             another colour with each click into it
//   desktop_window motion X Y WIDTH HEIGHT RATE      a picture that moves as a whole, RATE times a second
//
// Until it is terminated. Exit 1 with a message where there is no display.
#include <X11/Xlib.h>
#include <X11/Xutil.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct Place {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

int number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
    throw std::runtime_error("'" + std::string(text) + "' is no number");
  }
  return value;
}

Window open_window(Display* display, const Place& place, long events) {
  XSetWindowAttributes attributes{};
  attributes.override_redirect = True;
  attributes.event_mask = events;
  attributes.background_pixel = 0x202020;
  const Window window =
      XCreateWindow(display, DefaultRootWindow(display), place.x, place.y, static_cast<unsigned>(place.width),
                    static_cast<unsigned>(place.height), 0, CopyFromParent, InputOutput, nullptr,
                    CWOverrideRedirect | CWEventMask | CWBackPixel, &attributes);
  XMapRaised(display, window);
  XFlush(display);
  return window;
}

void flip(Display* display, const Place& place) {
  const Window window = open_window(display, place, ButtonPressMask);
  bool light = false;
  while (true) {
    XEvent event{};
    XNextEvent(display, &event);
    if (event.type != ButtonPress) continue;
    light = !light;
    XSetWindowBackground(display, window, light ? 0xE0E0E0 : 0x202020);
    XClearWindow(display, window);
    XFlush(display);
  }
}

// Twice as wide and high as the window, smooth and detailed in turns, as films and web pages are.
Pixmap make_picture(Display* display, Window window, int width, int height) {
  std::vector<std::uint32_t> pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const auto wave = [&](double along, double across, double phase) {
        return static_cast<std::uint32_t>(127.5 + 127.5 * std::sin(x / along + phase) * std::cos(y / across - phase));
      };
      auto colour = wave(37, 53, 0) << 16U | wave(61, 29, 1) << 8U | wave(23, 41, 2);
      if ((x / 160 + y / 120) % 3 == 0 && (x / 3 ^ y / 5) % 7 < 3) colour = 0x101010;  // like text
      pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)] = colour;
    }
  }
  const int screen = DefaultScreen(display);
  XImage* image =
      XCreateImage(display, DefaultVisual(display, screen), static_cast<unsigned>(DefaultDepth(display, screen)),
                   ZPixmap, 0, reinterpret_cast<char*>(pixels.data()), static_cast<unsigned>(width),
                   static_cast<unsigned>(height), 32, 4 * width);
  if (image == nullptr) throw std::runtime_error("no picture can be made");
  const Pixmap pixmap = XCreatePixmap(display, window, static_cast<unsigned>(width), static_cast<unsigned>(height),
                                      static_cast<unsigned>(DefaultDepth(display, screen)));
  XPutImage(display, pixmap, DefaultGC(display, screen), image, 0, 0, 0, 0, static_cast<unsigned>(width),
            static_cast<unsigned>(height));
  image->data = nullptr;  // it is the vector's
  XDestroyImage(image);
  return pixmap;
}

void motion(Display* display, const Place& place, int rate) {
  if (rate == 0 || place.width == 0 || place.height == 0) throw std::runtime_error("nothing would move");
  const Window window = open_window(display, place, 0);
  const Pixmap picture = make_picture(display, window, 2 * place.width, 2 * place.height);
  auto next = std::chrono::steady_clock::now();
  for (int step = 0;; ++step) {
    XCopyArea(display, picture, window, DefaultGC(display, DefaultScreen(display)), step * 5 % place.width,
              step * 3 % place.height, static_cast<unsigned>(place.width), static_cast<unsigned>(place.height), 0, 0);
    XSync(display, False);
    next += std::chrono::nanoseconds(1'000'000'000 / rate);
    std::this_thread::sleep_until(next);
  }
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  const bool flips = words.size() == 5 && words[0] == "flip";
  if (!flips && !(words.size() == 6 && words[0] == "motion")) {
    std::cerr << "desktop_window: flip X Y WIDTH HEIGHT | motion X Y WIDTH HEIGHT RATE\n";
    return 2;
  }
  const Place place{number(words[1]), number(words[2]), number(words[3]), number(words[4])};
  Display* display = XOpenDisplay(nullptr);
  if (display == nullptr) throw std::runtime_error("there is no display: set DISPLAY");
  if (flips) {
    flip(display, place);
  } else {
    motion(display, place, number(words[5]));
  }
} catch (const std::exception& error) {
  std::cerr << "desktop_window: " << error.what() << "\n";
  return 1;
}
