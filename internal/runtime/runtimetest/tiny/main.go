// Command tiny is the smallest server that the tests of the runtimes need: it
// answers HTTP, tells what it sees of its surroundings, and ends as it is told.
//
//	tiny -listen 127.0.0.1:8000 [-deaf] [-child] [-lines 10] [-exit 3] [more ...]
//
// It prints "started" first, "terminated" when it obeys a SIGTERM.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/aim-engine/aim/internal/container/handover"
)

// About is the answer of GET /: what the server sees. The runtimes' tests
// decode it.
type About struct {
	PID    int      `json:"pid"`
	Child  int      `json:"child"` // pid of the child that -child has started
	UID    int      `json:"uid"`
	Groups []int    `json:"groups"`
	Args   []string `json:"args"`
	Env    []string `json:"env"`
	Dev    []string `json:"dev"`    // files below /dev but those of terminals, by path
	Status string   `json:"status"` // of /proc/self/status
}

func main() {
	if len(os.Args) > 4 && os.Args[1] == handover.Command {
		log.Fatal(handover.Enter(os.Args[2], os.Args[4:])) // as aim does, for its tests
	}
	listen := flag.String("listen", "", "host:port to answer on")
	deaf := flag.Bool("deaf", false, "ignore SIGTERM")
	child := flag.Bool("child", false, "start a child that ignores SIGTERM and outlives its parent")
	lines := flag.Int("lines", 0, "lines to print at the start")
	exit := flag.Int("exit", -1, "end at once with this code")
	flag.Parse()

	fmt.Println("started")
	for i := range *lines {
		fmt.Println("line", i+1)
	}
	if *exit >= 0 {
		os.Exit(*exit)
	}
	if *deaf {
		signal.Ignore(syscall.SIGTERM)
	} else {
		obey(syscall.SIGTERM)
	}
	about := About{PID: os.Getpid(), UID: os.Getuid(), Args: os.Args[1:], Env: os.Environ()}
	about.Groups, _ = os.Getgroups()
	if *child {
		about.Child = startChild()
	}
	serve(*listen, about)
}

// obey ends the program with 0 on the signal.
func obey(sig os.Signal) {
	ctx, stop := signal.NotifyContext(context.Background(), sig)
	context.AfterFunc(ctx, func() {
		stop()
		fmt.Println("terminated")
		os.Exit(0)
	})
}

// startChild starts this program again, deaf, in a process group of its own.
func startChild() int {
	cmd := exec.Command("/proc/self/exe", "-deaf", "-listen", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		log.Fatalln("start child:", err)
	}
	return cmd.Process.Pid
}

func serve(address string, about About) {
	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		about.Dev = devices()
		status, _ := os.ReadFile("/proc/self/status")
		about.Status = string(status)
		json.NewEncoder(w).Encode(about)
	})
	http.HandleFunc("POST /exit", func(_ http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.FormValue("code"))
		os.Exit(code)
	})
	http.HandleFunc("POST /say", func(_ http.ResponseWriter, r *http.Request) { fmt.Println(r.FormValue("line")) })
	// The answer is the error, or nothing.
	http.HandleFunc("POST /open", func(w http.ResponseWriter, r *http.Request) {
		file, err := os.OpenFile(r.FormValue("path"), os.O_RDWR, 0)
		if err != nil {
			fmt.Fprint(w, err)
			return
		}
		file.Close()
	})
	http.HandleFunc("POST /create", func(w http.ResponseWriter, r *http.Request) {
		if err := os.WriteFile(r.FormValue("path"), []byte("tiny"), 0o600); err != nil {
			fmt.Fprint(w, err)
		}
	})
	http.HandleFunc("POST /eat", func(_ http.ResponseWriter, r *http.Request) {
		mib, _ := strconv.Atoi(r.FormValue("mib"))
		food := make([]byte, mib<<20)
		for i := 0; i < len(food); i += os.Getpagesize() {
			food[i] = 1 // memory counts once it is touched
		}
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatalln(err)
	}
	log.Fatalln(http.Serve(listener, nil))
}

func devices() []string {
	var found []string
	filepath.WalkDir("/dev", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasPrefix(path, "/dev/pts/") {
			found = append(found, path)
		}
		return nil
	})
	return found
}
