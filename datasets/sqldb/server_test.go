//go:build unix

package sqldb_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// What the test server is reached by. Its password must never be seen.
const (
	owner    = "recoup_test"
	password = "S3CRET-passw0rd"
)

// server is the PostgreSQL that the tests of this package share: started once, in
// a folder of its own, reached through a socket in it.
type server struct {
	dir  string
	hold io.Closer // closed, the server stops; so it does when the tests are killed
	proc *exec.Cmd
	err  error // why there is none
}

var shared *server

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		shared.stop()
	}
	os.Exit(code)
}

// programs finds initdb and postgres on the path, or where Debian keeps them.
func programs() (initdb, postgres string, ok bool) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(found)
	for _, dir := range append([]string{""}, found...) {
		a, errA := exec.LookPath(filepath.Join(dir, "initdb"))
		b, errB := exec.LookPath(filepath.Join(dir, "postgres"))
		if errA == nil && errB == nil {
			return a, b, true
		}
	}
	return "", "", false
}

// needServer starts the server, or skips loudly where there is none to start.
func needServer(t testing.TB) *server {
	t.Helper()
	initdb, postgres, ok := programs()
	if !ok {
		t.Skip("SKIPPED: PostgreSQL is not installed; make deps installs it")
	}
	if shared == nil {
		shared = &server{}
		shared.err = shared.start(initdb, postgres)
	}
	if shared.err != nil {
		t.Fatalf("PostgreSQL is installed and does not start: %v", shared.err)
	}
	for key, value := range map[string]string{
		"PGHOST": shared.dir, "PGPORT": "5432", "PGUSER": owner, "PGPASSWORD": password, "PGDATABASE": "postgres",
		"PGSSLMODE": "disable", "PGSERVICE": "", "PGPASSFILE": filepath.Join(shared.dir, "none"),
	} {
		t.Setenv(key, value)
	}
	return shared
}

func (s *server) start(initdb, postgres string) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil { // a short path: that of a socket has at most 107 bytes
		return err
	}
	secret := filepath.Join(s.dir, "secret")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return err
	}
	attr, err := s.notRoot()
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	c := exec.Command(initdb, "-D", data, "-U", owner, "--auth=scram-sha-256", "--pwfile="+secret, "--encoding=UTF8", "--locale=C", "--no-sync")
	c.SysProcAttr, c.Dir = attr, s.dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	// The shell waits for the end of its input, which comes at the latest when this
	// process is gone.
	s.proc = exec.Command("/bin/sh", "-c", `"$0" "$@" & read -r _; kill -INT $!; wait`,
		postgres, "-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "timezone=Asia/Kolkata", "-c", "datestyle=German")
	s.proc.SysProcAttr, s.proc.Dir = attr, s.dir
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.proc.Stdout, s.proc.Stderr = log, log
	if s.hold, err = s.proc.StdinPipe(); err != nil {
		return err
	}
	if err := s.proc.Start(); err != nil {
		return err
	}
	for range 200 {
		var conn *pgx.Conn
		if conn, err = s.connect(context.Background()); err == nil {
			return conn.Close(context.Background())
		}
		time.Sleep(50 * time.Millisecond)
	}
	said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return fmt.Errorf("%w: %s", err, said)
}

// notRoot gives the folder to another user where the tests run as root, as whom
// PostgreSQL refuses to run.
func (s *server) notRoot() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.Atoi(u.Uid)
		gid, errG := strconv.Atoi(u.Gid)
		if errU != nil || errG != nil {
			continue
		}
		if err := os.Chown(s.dir, uid, gid); err != nil {
			return nil, err
		}
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return nil, fmt.Errorf("no user postgres or nobody to run it as")
}

func (s *server) stop() {
	if s.hold != nil {
		_ = s.hold.Close()
		_ = s.proc.Wait()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

func (s *server) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, fmt.Sprintf("host='%s' port=5432 user='%s' password='%s' dbname=postgres sslmode=disable", s.dir, owner, password))
}

// run runs statements on the server as its owner.
func (s *server) run(t testing.TB, sql string) {
	t.Helper()
	ctx := context.Background()
	conn, err := s.connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
}

// count returns the number that a query gives.
func (s *server) count(t testing.TB, sql string) int {
	t.Helper()
	ctx := context.Background()
	conn, err := s.connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var n int
	if err := conn.QueryRow(ctx, sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
