package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// usage is a reading of the clocks: wall, this process's CPU (user and system), and that of the whole machine.
type usage struct {
	at      time.Time
	own     float64
	machine float64
}

func readUsage() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return usage{at: time.Now(), own: seconds(r.Utime) + seconds(r.Stime), machine: machineBusy()}
}

// spent is what passed between two readings, in seconds; others is what the rest of the machine used, in cores.
func (from usage) spent() (wall, own, others float64) {
	to := readUsage()
	wall = to.at.Sub(from.at).Seconds()
	own = to.own - from.own
	return wall, own, max(0, to.machine-from.machine-own) / wall
}

// machineBusy is the CPU time of all processes since boot in seconds: user, nice, system, irq, softirq.
func machineBusy() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(strings.SplitN(string(text), "\n", 2)[0])
	sum := 0.0
	for _, i := range []int{1, 2, 3, 6, 7} {
		ticks, _ := strconv.ParseFloat(fields[i], 64)
		sum += ticks
	}
	return sum / 100
}

// rss is the resident memory in bytes.
func rss() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	return pages * float64(os.Getpagesize())
}
