// Where copies of the files go that pass over a channel, if they are kept (rdp/worker/kept_files.h).
#pragma once

#include <memory>
#include <string>

#include "rdp/little_endian.h"

namespace gatehouse::rdp {

class FileCopy {
 public:
  FileCopy() = default;
  virtual ~FileCopy() = default;  // nothing more comes
  FileCopy(const FileCopy&) = delete;
  FileCopy& operator=(const FileCopy&) = delete;

  virtual void add(Bytes piece) = 0;  // in order, each byte once
  virtual void flush() = 0;           // what came is on its way to the disk
  // Of the file in the recording; empty: there is none, for nothing has come, or the recording has failed.
  [[nodiscard]] virtual std::string name() const = 0;
};

class FileCopies {
 public:
  FileCopies() = default;
  virtual ~FileCopies() = default;
  FileCopies(const FileCopies&) = delete;
  FileCopies& operator=(const FileCopies&) = delete;

  virtual std::unique_ptr<FileCopy> begin() = 0;
};

}  // namespace gatehouse::rdp
