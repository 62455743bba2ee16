package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rollcall-id/rollcall/directory"
	"github.com/rollcall-id/rollcall/store"
	"github.com/rollcall-id/rollcall/store/storetest"
)

// children are programs that tests run as processes of their own: this binary, started again.
var children = map[string]func(folder string) error{
	"acknowledge": acknowledge,
	"break":       breakDisk,
	"open": func(folder string) error {
		_, err := store.Open(context.Background(), store.Config{Data: folder})
		return err
	},
}

const childVariable = "STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	name, folder, ok := strings.Cut(os.Getenv(childVariable), ":")
	if !ok {
		os.Exit(m.Run())
	}
	if err := children[name](folder); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func child(t *testing.T, name, folder string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), childVariable+"="+name+":"+folder)
	cmd.Stderr = os.Stderr
	return cmd
}

// prepare makes a database with the scratch tables for a child.
func prepare(t *testing.T, folder string) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{Data: folder})
	if err != nil {
		t.Fatal(err)
	}
	scratch(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// acknowledge writes rows from 32 goroutines and prints each name when its Update has returned, for ever.
func acknowledge(folder string) error {
	db, err := store.Open(context.Background(), store.Config{Data: folder})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for worker := range 32 {
		wg.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i)
				if err := db.Update(context.Background(), add(name)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println(name)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

func TestUpdate_is_on_disk_when_the_process_is_killed(t *testing.T) {
	folder := t.TempDir()
	prepare(t, folder)
	var acknowledged []string
	for round := range 5 {
		cmd := child(t, "acknowledge", folder)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged = append(acknowledged, lines.Text())
			if n == 500+137*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed
	}
	if len(acknowledged) < 2500 {
		t.Fatalf("only %d rows were acknowledged", len(acknowledged))
	}
	db := open(t, store.Config{Data: folder})
	all := names(t, db)
	for _, name := range acknowledged {
		if name != "" && !all[name] {
			t.Errorf("%s was acknowledged and is lost", name)
		}
	}
	if found, err := db.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("damage: %v, %v", found, err)
	}
}

// breakDisk forbids the process to let files grow, so that a write fails with EFBIG, and goes on as a server would.
func breakDisk(folder string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{Data: folder})
	if err != nil {
		return err
	}
	limit := syscall.Rlimit{Cur: 256 << 10, Max: 1 << 40}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	for i := 0; err == nil; i++ {
		if i == 10000 {
			return errors.New("no write failed")
		}
		err = db.Update(ctx, add(fmt.Sprint(i, strings.Repeat("x", 1000))))
	}
	if kind(err) != directory.Unavailable {
		return fmt.Errorf("the failed write returned %w", err)
	}
	select {
	case <-db.Done():
	default:
		return errors.New("nobody was told")
	}
	limit.Cur = 1 << 40
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := db.Update(ctx, add("later")); kind(err) != directory.Unavailable || db.Err() == nil {
		return fmt.Errorf("the next write returned %w", err)
	}
	if err := db.View(ctx, func(*store.Tx) error { return nil }); err != nil {
		return fmt.Errorf("a read: %w", err)
	}
	return nil
}

func TestUpdate_is_refused_after_an_error_of_the_disk(t *testing.T) {
	folder := t.TempDir()
	prepare(t, folder)
	if out, err := child(t, "break", folder).Output(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestUpdate_says_that_the_disk_is_full_and_recovers(t *testing.T) {
	db := storetest.Open(t, store.Config{Data: t.TempDir()})
	scratch(t, db)
	if err := db.Pragma("max_page_count = 300"); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 100_000)
	var mu sync.Mutex
	kept := map[string]bool{}
	filled := func(ctx context.Context, i int) error {
		for n := range 20 {
			name := fmt.Sprint(i, "-", n)
			if i%4 == 0 {
				name += big
			}
			switch err := db.Update(ctx, add(name)); {
			case err == nil:
				mu.Lock()
				kept[name] = true
				mu.Unlock()
			case kind(err) != directory.Full:
				t.Errorf("Update returned %v", err)
			default:
				return err
			}
		}
		return nil
	}
	refused := 0
	for _, err := range batch(t, db, filled) {
		if err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("the disk never was full")
	}
	all := names(t, db)
	for name := range kept {
		if !all[name] {
			t.Errorf("%.10s… was acknowledged and is lost", name)
		}
	}
	if len(all) != len(kept) {
		t.Errorf("%d rows are there, %d were acknowledged", len(all), len(kept))
	}
	if err := db.Pragma("max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	update(t, db, add("room again"+big))
	if db.Err() != nil {
		t.Errorf("a full disk is no fault, but %v", db.Err())
	}
}

func TestOpen_makes_private_files(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new ?%", "data")
	db := storetest.Open(t, store.Config{Data: folder})
	scratch(t, db)
	names(t, db)
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info.Mode(), err)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 4 {
		t.Errorf("the folder holds %v, %v", files, err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has mode %v, %v", file.Name(), info.Mode(), err)
		}
	}
}

func TestOpen_refuses_a_folder_in_use(t *testing.T) {
	folder := t.TempDir()
	db, err := store.Open(t.Context(), store.Config{Data: folder})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), store.Config{Data: folder}); !errors.Is(err, store.ErrLocked) || kind(err) != directory.Unavailable {
		t.Errorf("the same process: %v", err)
	}
	if out, err := child(t, "open", folder).Output(); err == nil || !strings.Contains(string(out), "another process") {
		t.Errorf("another process: %v, %s", err, out)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := child(t, "open", folder).Output(); err != nil {
		t.Errorf("after Close: %v, %s", err, out)
	}
}

func TestOpen_refuses_what_is_no_database(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "rollcall.db"), []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := store.Open(t.Context(), store.Config{Data: folder}); err == nil {
		t.Error("it opened", db.Close())
	}
}

func TestUpdate_keeps_the_log_short(t *testing.T) {
	db := storetest.Open(t, store.Config{Data: t.TempDir()})
	scratch(t, db)
	big := strings.Repeat("x", 4000)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 1500 {
				if err := db.Update(t.Context(), add(fmt.Sprint(worker, "-", i, big))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if pages, copied, err := db.Log(); err != nil || pages > 5000 {
		t.Errorf("the log has %d pages, %d of them copied, %v", pages, copied, err)
	}
	if db.Err() != nil {
		t.Error(db.Err())
	}
}
