package main

import (
	"encoding/binary"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

type options struct {
	n, network          int
	parts               []string
	rest                time.Duration
	broadcasts, crashes int
	limit               time.Duration
}

// cluster is N nodes in this process, on addresses of their own, and what is counted over all of them.
type cluster struct {
	// emptyLive is the memory in use before the first node.
	emptyLive   float64
	network     int
	nodes       []*node
	packets     atomic.Int64
	bytes       atomic.Int64
	copies      atomic.Int64
	failedJoins atomic.Int64
	suspicions  atomic.Int64
	deaths      atomic.Int64

	mu sync.Mutex
	// What is being waited for: one broadcast, or one victim.
	message  uint64
	arrivals []time.Time
	victim   string
	accused  time.Time
	ends     []time.Time
}

func (c *cluster) count(bytes int) {
	c.packets.Add(1)
	c.bytes.Add(int64(bytes))
}

func (c *cluster) suspected(name string) {
	c.suspicions.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if name == c.victim && c.accused.IsZero() {
		c.accused = time.Now()
	}
}

func (c *cluster) died(name string) {
	c.deaths.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if name == c.victim {
		c.ends = append(c.ends, time.Now())
	}
}

func (c *cluster) arrived(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == c.message {
		c.arrivals = append(c.arrivals, time.Now())
	}
}

// complete tells whether every node sees all of them alive.
func (c *cluster) complete() bool {
	for _, n := range c.nodes {
		if int(n.alive.Load()) != len(c.nodes) {
			return false
		}
	}
	return true
}

func (c *cluster) close() {
	var group sync.WaitGroup
	for _, n := range c.nodes {
		group.Add(1)
		go func() { _ = n.list.Shutdown(); group.Done() }()
	}
	group.Wait()
}

// waitFor polls until done or the limit has passed.
func waitFor(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return done()
		}
	}
	return true
}

// joinAll has nodes from..to join through the first one, 32 at a time.
func (c *cluster) joinAll(joining []*node) {
	slots := make(chan struct{}, 32)
	var group sync.WaitGroup
	for _, n := range joining {
		slots <- struct{}{}
		group.Add(1)
		go func() { n.join(c.nodes[0]); <-slots; group.Done() }()
	}
	group.Wait()
}

// rush is the join of everybody at once through one seed.
func rush(count, network int, limit time.Duration) any {
	c := &cluster{network: network}
	for i := range count {
		c.nodes = append(c.nodes, c.start(i))
	}
	begin := readUsage()
	go c.joinAll(c.nodes[1:])
	done := waitFor(limit, c.complete)
	wall, own, others := begin.spent()
	return map[string]any{
		"n": count, "complete": done, "seconds": wall, "cpuSeconds": own, "otherCores": others,
		"packets": c.packets.Load(), "bytes": c.bytes.Load(),
		"suspicions": c.suspicions.Load(), "wrongDeaths": c.deaths.Load(), "failedJoins": c.failedJoins.Load(),
	}
}

// scenario brings a cluster up in waves, so that large ones come up at all, and measures the parts asked for.
func scenario(o options) any {
	debug.FreeOSMemory()
	empty, emptyLive := rss(), live()
	c := &cluster{network: o.network, emptyLive: emptyLive}
	begin := readUsage()
	for len(c.nodes) < o.n {
		joining := []*node{}
		for range min(50, o.n-len(c.nodes)) {
			joining = append(joining, c.start(len(c.nodes)))
			c.nodes = append(c.nodes, joining[len(joining)-1])
		}
		c.joinAll(joining)
		waitFor(20*time.Second, c.complete)
	}
	done := waitFor(o.limit, c.complete)
	wall, own, others := begin.spent()
	result := map[string]any{
		"n":    o.n,
		"join": map[string]any{"complete": done, "seconds": wall, "cpuSeconds": own, "otherCores": others},
	}
	if !done {
		return result
	}
	// What the join has left to say is said within some gossip rounds, and garbage of it collected.
	time.Sleep(10 * time.Second)
	idle := 0.0
	if slices.Contains(o.parts, "rest") {
		result["rest"] = c.rest(o, empty, &idle)
	}
	if slices.Contains(o.parts, "broadcast") {
		result["broadcast"] = c.broadcasts(o, idle)
	}
	if slices.Contains(o.parts, "crash") {
		result["crash"] = c.crashes(o)
	}
	c.close()
	return result
}

// rest is a window in which nothing changes. It sets idle to the CPU per second of the whole process.
func (c *cluster) rest(o options, empty float64, idle *float64) any {
	packets, bytes := c.packets.Load(), c.bytes.Load()
	suspicions, deaths := c.suspicions.Load(), c.deaths.Load()
	begin := readUsage()
	time.Sleep(o.rest)
	wall, own, others := begin.spent()
	*idle = own / wall
	per := wall * float64(o.n)
	resident := rss()
	debug.FreeOSMemory()
	return map[string]any{
		"seconds": wall, "otherCores": others,
		"cpuMsPerNodeSecond":   own * 1000 / per,
		"packetsPerNodeSecond": float64(c.packets.Load()-packets) / per,
		"bytesPerNodeSecond":   float64(c.bytes.Load()-bytes) / per,
		"suspicions":           c.suspicions.Load() - suspicions,
		"wrongDeaths":          c.deaths.Load() - deaths,
		"rssMb":                resident / 1e6,
		"emptyRssMb":           empty / 1e6,
		"rssKbPerNode":         resident / 1e3 / float64(o.n),
		"rssAddedKbPerNode":    (resident - empty) / 1e3 / float64(o.n),
		"trimmedRssKbPerNode":  rss() / 1e3 / float64(o.n),
		"liveKbPerNode":        (live() - c.emptyLive) / 1e3 / float64(o.n),
	}
}

// live is what the program holds in use: the heap's live objects after a collection, and the stacks.
func live() float64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc + stats.StackInuse)
}

// broadcasts sends a message of 64 bytes from the first node, again and again.
func (c *cluster) broadcasts(o options, idle float64) any {
	series := map[string][]float64{}
	add := func(key string, value float64) { series[key] = append(series[key], value) }
	for i := range o.broadcasts {
		body := make([]byte, 64)
		binary.BigEndian.PutUint64(body, uint64(i+1))
		c.mu.Lock()
		c.message, c.arrivals = uint64(i+1), nil
		c.mu.Unlock()
		packets, copies := c.packets.Load(), c.copies.Load()
		begin := readUsage()
		c.nodes[0].first(uint64(i + 1))
		c.arrived(uint64(i + 1))
		c.nodes[0].queue.QueueBroadcast(message(body))
		complete := waitFor(10*time.Second, func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.arrivals) == o.n
		})
		// Until all copies are sent.
		time.Sleep(time.Until(begin.at.Add(2500 * time.Millisecond)))
		wall, own, _ := begin.spent()
		sent := float64(c.packets.Load() - packets)
		c.mu.Lock()
		sort.Slice(c.arrivals, func(a, b int) bool { return c.arrivals[a].Before(c.arrivals[b]) })
		at := func(share float64) float64 {
			index := int(math.Ceil(share*float64(o.n))) - 1
			if index >= len(c.arrivals) {
				return math.MaxInt32
			}
			return float64(c.arrivals[index].Sub(begin.at).Microseconds()) / 1000
		}
		add("ms50", at(0.5))
		add("ms99", at(0.99))
		add("ms100", at(1))
		c.mu.Unlock()
		if !complete {
			add("incomplete", float64(i))
		}
		// Probes go on meanwhile: two packets a node and second.
		own, sent = own-idle*wall, sent-2*float64(o.n)*wall
		add("packets", sent)
		add("copies", float64(c.copies.Load()-copies))
		add("cpuMs", own*1000)
		add("cpuUsPerPacket", own*1e6/sent)
	}
	return series
}

// crashes stops one node without a word and measures who learns of it when; then the node comes back.
func (c *cluster) crashes(o options) any {
	series := map[string][]float64{}
	add := func(key string, value float64) { series[key] = append(series[key], value) }
	for i := range o.crashes {
		index := 1 + (i*37+11)%(o.n-1)
		victim := c.nodes[index]
		c.mu.Lock()
		c.victim, c.accused, c.ends = victim.name, time.Time{}, nil
		c.mu.Unlock()
		begin := time.Now()
		_ = victim.list.Shutdown()
		known := func() int {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.ends)
		}
		complete := waitFor(60*time.Second, func() bool { return known() >= o.n-1 })
		c.mu.Lock()
		ms := func(t time.Time) float64 { return float64(t.Sub(begin).Microseconds()) / 1000 }
		if complete {
			add("firstSuspicionMs", ms(c.accused))
			add("firstDeadMs", ms(c.ends[0]))
			add("allMs", ms(c.ends[o.n-2]))
		} else {
			add("incomplete", float64(len(c.ends)))
		}
		c.victim = ""
		c.mu.Unlock()
		c.nodes[index] = c.start(index)
		c.nodes[index].join(c.nodes[0])
		waitFor(o.limit, c.complete)
		time.Sleep(3 * time.Second)
	}
	return series
}
