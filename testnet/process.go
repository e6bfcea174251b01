package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"consilium/node"
)

// processes runs each life of a hospital in a process of its own.
type processes struct {
	program string
	folder  *folder
}

var _ runner = (*processes)(nil)

const (
	controlFD = 3               // of a process's end of the socket
	lastWords = 5 * time.Second // for a process that is asked to end
	quoted    = 8               // lines of a failed process's log
)

// run starts a process, answers its questions, and returns when it is gone and
// nothing of it is left.
func (p *processes) run(ctx context.Context, h *hospital) ([]byte, error) {
	if s := h.network.shares; s != nil {
		return s.live(ctx, h, func(ctx context.Context, c *cohort) ([]byte, error) { return p.life(ctx, h, c.file) })
	}
	return p.life(ctx, h, p.folder.rosterFile())
}

// life is a process's.
func (p *processes) life(ctx context.Context, h *hospital, roster string) ([]byte, error) {
	// The kernel kills the process when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := p.start(h, roster)
	if err != nil {
		return nil, fmt.Errorf("start a process: %w", err)
	}
	stop := context.AfterFunc(ctx, c.end)
	defer stop()
	c.attend(ctx)
	err = c.cmd.Wait()
	c.closeLog()
	switch signal := c.signal(); {
	case c.struck && signal != syscall.SIGKILL:
		return nil, fmt.Errorf("it was to be killed and ended before: %v%s", err, p.lastLines(h))
	case c.struck:
		return nil, errStruck
	case ctx.Err() != nil:
		return c.state, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("its process ended: %w%s", err, p.lastLines(h))
	}
	return c.state, nil
}

// child is a hospital's process.
type child struct {
	hospital *hospital
	cmd      *exec.Cmd
	log      *os.File
	conn     net.Conn
	write    sync.Mutex
	state    []byte
	struck   bool // by a fault that kills

	mu        sync.Mutex
	addresses []string
	traffic   node.Traffic
}

var _ life = (*child)(nil)

func (p *processes) start(h *hospital, roster string) (*child, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	c := &child{hospital: h, conn: ours}
	if c.log, err = os.OpenFile(p.folder.logFile(h.name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err != nil {
		ours.Close()
		return nil, err
	}
	c.cmd = exec.Command(p.program, "run", "--home", p.folder.homes[h.party-1],
		"--roster", roster, "--study", p.folder.studyFile(), "--control", fmt.Sprint(controlFD))
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = plainEnvironment(), c.log, c.log
	c.cmd.ExtraFiles = []*os.File{theirs} // becomes controlFD
	c.cmd.SysProcAttr = apart()
	if err := c.cmd.Start(); err != nil {
		ours.Close()
		c.closeLog()
		return nil, err
	}
	return c, nil
}

// plainEnvironment is ours without settings of hospital-node: they are for us.
func plainEnvironment() []string {
	var list []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "HOSPITAL_NODE_") {
			list = append(list, variable)
		}
	}
	return list
}

// socketPair makes a socket with two ends: ours, and one to inherit.
func socketPair() (ours net.Conn, theirs *os.File, err error) {
	// Nothing may start between the two calls, or it would inherit our end.
	syscall.ForkLock.RLock()
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(ends[0]), "control")
	defer file.Close() // FileConn has a copy
	theirs = os.NewFile(uintptr(ends[1]), "control")
	if ours, err = net.FileConn(file); err != nil {
		theirs.Close()
	}
	return ours, theirs, err
}

// attend listens to the process until its end of the socket is closed.
func (c *child) attend(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var questions sync.WaitGroup
	defer questions.Wait()
	defer cancel()
	defer c.conn.Close()
	words := json.NewDecoder(c.conn)
	for {
		var w word
		if words.Decode(&w) != nil {
			return
		}
		if w.Traffic != nil {
			c.mu.Lock()
			c.traffic = *w.Traffic
			c.mu.Unlock()
		}
		switch {
		case w.Listening != nil:
			c.mu.Lock()
			c.addresses = w.Listening
			c.mu.Unlock()
			c.hospital.up(c)
		case w.Progress != nil:
			p := w.Progress.Progress
			if p.Finished != nil {
				p.Finished.Sum, p.Finished.Set = w.Progress.Sum, w.Progress.Set
			}
			c.hospital.progress(p)
		case w.Connected != nil:
			c.hospital.connected(w.Connected.Parties())
		case w.State != nil:
			c.state = w.State
			if w.Shares != nil {
				c.hospital.network.shares.say(*w.Shares)
			}
		case w.Moment != nil:
			c.mu.Lock()
			c.traffic.StreamBytes = w.Moment.Cost.Bytes
			c.mu.Unlock()
			questions.Go(func() {
				c.decide(ctx, w.Question, func() error { return c.hospital.network.moment(ctx, c.hospital, *w.Moment) })
			})
		case w.At != nil:
			questions.Go(func() { c.decide(ctx, w.Question, func() error { return c.hospital.held(ctx, *w.At) }) })
		}
	}
}

// decide answers a question when the testnet lets the hospital go on, or kills
// it there.
func (c *child) decide(ctx context.Context, question uint64, hold func() error) {
	switch err := hold(); {
	case err == nil:
		c.order(order{Answer: question})
	case errors.Is(err, errStruck):
		c.struck = true
		_ = c.cmd.Process.Kill()
	}
}

// held is where a node asks to go on.
func (h *hospital) held(ctx context.Context, where at) error {
	if where.Phase == nil {
		return h.beforeRound(ctx, where.Round)
	}
	return h.beforePhase(ctx, where.Round, *where.Phase)
}

// order tells the process something. That it is gone is found out by reading.
func (c *child) order(o order) {
	c.write.Lock()
	defer c.write.Unlock()
	_ = json.NewEncoder(c.conn).Encode(o)
}

// end ends the process: with a word of farewell when it holds the model, and in
// any case.
func (c *child) end() {
	n := c.hospital.network
	n.mu.Lock()
	wanted := c.hospital.finished && !c.hospital.away()
	n.mu.Unlock()
	if wanted && c.cmd.Process.Signal(syscall.SIGTERM) == nil {
		time.AfterFunc(lastWords, func() { _ = c.cmd.Process.Kill() })
		return
	}
	_ = c.cmd.Process.Kill()
}

// signal that ended the process, or −1.
func (c *child) signal() syscall.Signal {
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return -1
}

func (c *child) closeLog() { c.log.Close() }

// Addresses are where the process listens.
func (c *child) Addresses() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addresses
}

// Traffic is what the process had sent when it last said something.
func (c *child) Traffic() node.Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.traffic
}

// Isolate cuts the process off from the network, or lets it back.
func (c *child) Isolate(cut bool) { c.order(order{Isolate: &cut}) }

// freeze stops the whole process.
func (c *child) freeze(frozen bool) {
	signal := syscall.SIGCONT
	if frozen {
		signal = syscall.SIGSTOP
	}
	_ = c.cmd.Process.Signal(signal)
}

// lastLines quotes the end of a process's log.
func (p *processes) lastLines(h *hospital) string {
	text, err := os.ReadFile(p.folder.logFile(h.name))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-quoted):]
	return "; its last words:\n  " + strings.Join(lines, "\n  ")
}
