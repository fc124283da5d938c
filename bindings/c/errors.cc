#include "bindings/c/errors.h"

#include "bindings/c/storpool.h"

namespace storpool::capi {

int ErrorOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return SP_OK;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return SP_EINVAL;
    case absl::StatusCode::kNotFound:
      return SP_ENOENT;
    case absl::StatusCode::kPermissionDenied:
      return SP_EACCES;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return SP_EBUSY;
    case absl::StatusCode::kResourceExhausted:
      return SP_ENOSPC;
    case absl::StatusCode::kDataLoss:
      return SP_EIO;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return SP_EFENCED;
    case absl::StatusCode::kDeadlineExceeded:
      return SP_ETIMEDOUT;
    case absl::StatusCode::kUnavailable:
      return SP_EUNAVAILABLE;
    default:
      return SP_EINTERNAL;
  }
}

}  // namespace storpool::capi

const char* sp_strerror(int error) {
  switch (error) {
    case SP_OK:
      return "done";
    case SP_EINVAL:
      return "invalid argument";
    case SP_ENOENT:
      return "no such volume";
    case SP_EACCES:
      return "not allowed";
    case SP_EBUSY:
      return "the volume is in use";
    case SP_ENOSPC:
      return "the cluster has no room";
    case SP_EIO:
      return "all copies of the data are damaged or lost";
    case SP_EFENCED:
      return "the session of the volume has ended";
    case SP_ETIMEDOUT:
      return "not within the time given";
    case SP_EUNAVAILABLE:
      return "not connected, or being closed";
    case SP_EDEADLOCK:
      return "this call waits: not from within a callback";
    case SP_EINTERNAL:
      return "a bug of the library";
    default:
      return "unknown error";
  }
}
