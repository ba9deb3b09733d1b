package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

const port = 7946

// node is one member of the cluster, with what it has seen. It is its own delegate, event delegate and log.
type node struct {
	cluster *cluster
	index   int
	name    string
	address string
	list    *memberlist.Memberlist
	queue   *memberlist.TransmitLimitedQueue
	// alive counts the members that it holds alive, itself included.
	alive atomic.Int64

	mu   sync.Mutex
	seen map[uint64]bool
}

// transport counts the packets that leave; everything else is the library's own.
type transport struct {
	*memberlist.NetTransport
	cluster *cluster
}

func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	t.cluster.count(len(b))
	return t.NetTransport.WriteTo(b, addr)
}

func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	t.cluster.count(len(b))
	return t.NetTransport.WriteToAddress(b, a)
}

// start opens the sockets of one node; it is not joined to anyone.
func (c *cluster) start(index int) *node {
	n := &node{
		cluster: c,
		index:   index,
		name:    fmt.Sprintf("node-%05d", index),
		address: fmt.Sprintf("127.%d.%d.%d", c.network, index>>8, index&255),
		seen:    map[uint64]bool{},
	}
	logger := log.New(n, "", 0)
	sockets, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{n.address}, BindPort: port, Logger: logger,
	})
	if err != nil {
		fail(err.Error())
	}
	config := memberlist.DefaultLANConfig()
	config.Name = n.name
	config.BindAddr, config.BindPort = n.address, port
	config.AdvertiseAddr, config.AdvertisePort = n.address, port
	config.Transport = &transport{NetTransport: sockets, cluster: c}
	config.Logger = logger
	config.Delegate, config.Events = n, n
	n.queue = &memberlist.TransmitLimitedQueue{
		RetransmitMult: config.RetransmitMult,
		NumNodes:       func() int { return int(n.alive.Load()) },
	}
	if n.list, err = memberlist.Create(config); err != nil {
		fail(err.Error())
	}
	return n
}

func (n *node) endpoint() string { return net.JoinHostPort(n.address, fmt.Sprint(port)) }

func (n *node) join(seed *node) {
	if _, err := n.list.Join([]string{seed.endpoint()}); err != nil {
		n.cluster.failedJoins.Add(1)
	}
}

// NotifyJoin, NotifyLeave and NotifyUpdate: what this node has come to think of others.
func (n *node) NotifyJoin(*memberlist.Node) { n.alive.Add(1) }
func (n *node) NotifyLeave(who *memberlist.Node) {
	n.alive.Add(-1)
	n.cluster.died(who.Name)
}
func (n *node) NotifyUpdate(*memberlist.Node) {}

// Write is the log: it is only read for accusations.
func (n *node) Write(line []byte) (int, error) {
	if text := string(line); strings.Contains(text, "memberlist: Suspect ") {
		n.cluster.suspected(strings.Fields(text[strings.Index(text, "Suspect ")+8:])[0])
	}
	return len(line), nil
}

// NotifyMsg takes a user message and passes on what is new, as users of the library do.
func (n *node) NotifyMsg(b []byte) {
	n.cluster.copies.Add(1)
	id := binary.BigEndian.Uint64(b)
	if n.first(id) {
		n.cluster.arrived(id)
		n.queue.QueueBroadcast(message(append([]byte(nil), b...)))
	}
}

func (n *node) first(id uint64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen[id] {
		return false
	}
	n.seen[id] = true
	return true
}

func (n *node) NodeMeta(int) []byte { return nil }
func (n *node) GetBroadcasts(overhead, limit int) [][]byte {
	return n.queue.GetBroadcasts(overhead, limit)
}
func (n *node) LocalState(bool) []byte        { return nil }
func (n *node) MergeRemoteState([]byte, bool) {}

// message is a broadcast that replaces no other.
type message []byte

func (m message) Invalidates(memberlist.Broadcast) bool { return false }
func (m message) Message() []byte                       { return m }
func (m message) Finished()                             {}
