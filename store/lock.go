package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/rollcall-id/rollcall/directory"
)

// ErrLocked means that another process has the data folder open. Its kind is Unavailable.
var ErrLocked error = directory.Errorf(directory.Unavailable, "data", "another process uses this folder")

// lockFile takes the lock that makes this process the owner of the folder. The kernel gives it up when the file is closed,
// so it cannot be left behind.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(ErrLocked, f.Close())
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f, nil
}
