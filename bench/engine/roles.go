package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/aim-engine/aim"
	"github.com/aim-engine/aim/internal/inventory"
	"github.com/aim-engine/aim/internal/settings"
)

// act plays a role until standard input ends, which it does with the parent.
func act(role string, args []string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	switch role {
	case "nats":
		return serveNATS(ctx)
	case "hub":
		return serveHub(ctx)
	}
	nodes, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if role == "agents" {
		return beatAll(ctx, args[0], nodes)
	}
	return hear(ctx, args[0], nodes)
}

func serveNATS(ctx context.Context) error {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		return errors.New("the NATS server did not start")
	}
	fmt.Println(s.ClientURL())
	<-ctx.Done()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

const (
	allHeard = time.Minute      // at most
	warmUp   = 10 * time.Second // several beats of everybody
	measure  = 20 * time.Second
)

// hear is the control process: the view, and one reader of its changes.
func hear(ctx context.Context, url string, nodes int) error {
	conn, err := inventory.Connect(ctx, settings.NATS{URL: url}, "aim-bench", nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	view := inventory.NewView(conn, inventory.ViewOptions{})
	run, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	all.Go(func() { _ = view.Run(run) }) // an error shows as no node
	changed, stop := view.Changes()
	defer stop()
	var mark uint64
	seen := map[string]string{} // node -> the change that was seen last
	read := func(until time.Duration) (stale []time.Duration) {
		for end := time.After(until); ; {
			select {
			case <-end:
				return stale
			case <-changed:
			}
			news := view.Since(mark)
			mark = news.Mark
			stale = append(stale, ages(news, seen, time.Now())...)
		}
	}
	for end := time.Now().Add(allHeard); alive(view) < nodes && time.Now().Before(end); {
		read(oneBeat) // the first look at everybody takes its time
	}
	read(warmUp)
	before, began := cpuTime(), time.Now()
	stale := read(measure)
	h := heard{CPU: (cpuTime() - before).Seconds() / time.Since(began).Seconds(), Changes: len(stale)}
	slices.Sort(stale)
	if len(stale) > 0 {
		h.StaleP99, h.StaleMost = ms(stale[len(stale)*99/100]), ms(stale[len(stale)-1])
	}
	h.Nodes = alive(view)
	return json.NewEncoder(os.Stdout).Encode(h)
}

// alive counts the nodes that are.
func alive(view *inventory.View) (n int) {
	for _, node := range view.Fleet().Nodes {
		if node.Liveness == aim.Alive {
			n++
		}
	}
	return n
}

// ages tells how old the changes are that are seen for the first time now.
func ages(news inventory.Changes, seen map[string]string, now time.Time) (all []time.Duration) {
	for _, n := range news.Nodes {
		label := n.Labels[sentLabel]
		sent, err := strconv.ParseInt(label, 10, 64)
		if err != nil || seen[n.ID] == label {
			continue
		}
		seen[n.ID] = label
		all = append(all, now.Sub(time.Unix(0, sent)))
	}
	return all
}

// cpuTime is what this process has used of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
