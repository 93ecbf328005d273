#!/usr/bin/python3
"""Watches a recording's page in a headless Chromium, as somebody would: recording_page.py SCENARIO URL KEY=VALUE...

  finished  a recording that is over: tokens that are refused (wrong, viewer), login (token), play, search, jump, speed,
            skip idle, the colours at its beginning and end (first, last), sign out
  growing   one that goes on: prints "shown" when the colour `first` is seen, "followed" when `last` is, and "complete"
            when the page says that it is over
  picture   files of screenshots: KEY=VALUE with token=, file=, width=, height=, dark=1

Tokens come by the environment: GATEHOUSE_TOKEN, GATEHOUSE_VIEWER. Exits with 1 and says what was not seen.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser  # noqa: E402

COLOURS = {"steelblue": (70, 130, 180), "darkgreen": (0, 100, 0), "darkred": (139, 0, 0)}
TOKEN = os.environ.get("GATEHOUSE_TOKEN", "")
VIEWER = os.environ.get("GATEHOUSE_VIEWER", "")

# A pixel of the desktop's bare corner, as the browser has decoded it.
PIXEL = """(() => {
  const video = document.getElementById('video');
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  if (!canvas.width || video.readyState < 2) return null;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  return [...context.getImageData(canvas.width - 30, canvas.height - 30, 1, 1).data].slice(0, 3);
})()"""
TIME = "document.getElementById('video').currentTime"
PLAYER = "!document.getElementById('player').hidden"
LOGIN = "!document.getElementById('login').hidden"


def text(element):
    return f"document.getElementById('{element}').textContent"


def near(browser, name):
    pixel = browser.run(PIXEL)
    return pixel is not None and all(abs(a - b) < 25 for a, b in zip(pixel, COLOURS[name]))


def until(check, what, browser, seconds=20):
    deadline = time.monotonic() + seconds * float(os.environ.get("GATEHOUSE_TEST_PATIENCE", "1"))
    while not check():
        assert time.monotonic() < deadline, f"{what} did not come; pixel {browser.run(PIXEL)}, at {browser.run(TIME)}, " \
            f"the page says: {browser.run('document.body.innerText.slice(0, 800)')}, complaints: {browser.complaints}"
        time.sleep(0.1)


def click(browser, element):
    browser.run(f"document.getElementById('{element}').click()")


def say_token(browser, token):
    browser.wait(LOGIN, "the question for a token")
    browser.run("document.getElementById('token').focus()")
    browser.type(token)
    browser.press("Enter", "Enter", "\r")


def go_to(browser, seconds):
    browser.run(f"(() => {{ const line = document.getElementById('position'); line.value = {seconds * 1000};"
                "line.dispatchEvent(new Event('input', {bubbles: true})); })()")


def finished(browser, url, first, last):
    browser.open(url)
    say_token(browser, "gatehouse_wrong")
    browser.wait(f"{text('notice')}.includes('not valid')", "the refusal of a wrong token")
    say_token(browser, VIEWER)
    browser.wait(f"{text('notice')}.includes('operator or admin')", "the refusal of a viewer")
    assert not browser.run(PLAYER), "the player is shown to a viewer"
    say_token(browser, TOKEN)
    browser.wait(PLAYER, "the player")
    assert browser.run("document.cookie") == "", "a script sees the cookie"
    assert TOKEN not in browser.run("location.href + document.documentElement.outerHTML + JSON.stringify([{...localStorage}, {...sessionStorage}])")
    browser.wait(f"{text('state')} === 'complete'", "the word complete")
    browser.wait(f"{text('about')}.includes('bob on win1')", "whose session it was")

    until(lambda: near(browser, first), f"the colour {first}", browser)
    click(browser, "play")
    begin = browser.run(TIME)
    browser.wait(f"{TIME} > {begin} + 0.8", "the video's time going on")
    click(browser, "play")
    browser.wait("document.getElementById('video').paused", "a pause")

    count = browser.run("document.getElementById('list').children.length")
    assert count >= 6, f"the list has {count} events"
    browser.press("/", "Slash", "/")
    assert browser.run("document.activeElement.id") == "search", "the key / does not lead to the search"
    browser.type("session ends")
    browser.wait("document.getElementById('list').children.length === 1", "one event found")
    assert browser.run(text("count")) == f"1 of {count} events", browser.run(text("count"))
    click_end = "document.querySelector('#list button').click()"
    browser.run(click_end)
    until(lambda: near(browser, last), f"the colour {last} at the end", browser)
    end = browser.run(TIME)
    browser.run("(() => { const field = document.getElementById('search'); field.value = ''; field.dispatchEvent(new Event('input')); })()")
    assert browser.run("document.getElementById('list').children.length") == count

    browser.run("document.querySelector('#list button').click()")  # the first event
    until(lambda: near(browser, first), f"the colour {first} again", browser)
    browser.run("document.activeElement.blur()")
    browser.press(".", "Period", ".")
    assert browser.run("document.getElementById('video').playbackRate") == 2, "the key . does not make it faster"
    browser.run("(() => { const speed = document.getElementById('speed'); speed.value = '0.5'; speed.dispatchEvent(new Event('change')); })()")
    assert browser.run("document.getElementById('video').playbackRate") == 0.5
    # Half as fast as it was, and nevertheless soon where something happens again.
    browser.press("i", "KeyI", "i")
    assert browser.run("document.getElementById('skip').checked"), "the key i does not skip idle stretches"
    browser.press(" ", "Space", " ")
    browser.wait(f"{text('said')}.startsWith('Skipped')", "a stretch that was left out")
    browser.run("(() => { const speed = document.getElementById('speed'); speed.value = '16'; speed.dispatchEvent(new Event('change')); })()")
    browser.wait("document.getElementById('video').paused", "the end")
    until(lambda: near(browser, last), f"the colour {last} where it ends", browser)
    assert abs(browser.run(TIME) - end) < 1, "it does not end at its end"

    assert not browser.complaints, browser.complaints
    click(browser, "leave")
    browser.wait(LOGIN, "the question for a token after signing out")
    browser.open(url)
    browser.wait(LOGIN, "the question for a token after opening it anew")
    assert not browser.run(PLAYER), "the login outlives signing out"


def growing(browser, url, first, last):
    browser.open(url)
    say_token(browser, TOKEN)
    browser.wait(f"{text('state')} === 'still recording'", "the words still recording")
    click(browser, "live")
    until(lambda: near(browser, first), f"the colour {first}", browser, 30)
    before = browser.run("Number(document.getElementById('position').max)")
    print("shown", flush=True)
    until(lambda: near(browser, last), f"the colour {last} while it grows", browser, 30)
    assert browser.run("Number(document.getElementById('position').max)") > before, "its end does not go on"
    # Back, and to what happens now.
    go_to(browser, 0)
    until(lambda: near(browser, first), f"the colour {first} at the beginning", browser)
    click(browser, "live")
    until(lambda: near(browser, last), f"the colour {last} after going live", browser)
    print("followed", flush=True)
    browser.wait(f"{text('state')} === 'complete'", "the word complete", 30)
    browser.wait(f"[...document.querySelectorAll('#list .name')].some((name) => name.textContent === 'Session ends')", "its last event")
    assert not browser.complaints, browser.complaints
    print("complete", flush=True)


def main():
    scenario, url, *options = sys.argv[1:]
    options = dict(option.split("=", 1) for option in options)
    with Browser() as browser:
        if scenario == "picture":
            browser.open(url)
            if TOKEN:
                say_token(browser, TOKEN)
                browser.wait("document.getElementById('video').readyState >= 2", "a picture")
            browser.picture(options["file"], int(options.get("width", 1280)), int(options.get("height", 860)), "dark" in options)
        else:
            {"finished": finished, "growing": growing}[scenario](browser, url, **options)


try:
    main()
except AssertionError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
