// The reference column of the bench: HashiCorp's memberlist doing what bench/cluster.mjs and bench/codec.mjs have ours
// do, measured the same way, reported as one JSON object on standard output.
//
//	memberlist-bench codec
//	memberlist-bench cluster --n=100 --parts=rest,broadcast,crash
//	memberlist-bench rush --n=300 --limit=60
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: memberlist-bench codec|cluster|rush [flags]")
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	n := flags.Int("n", 100, "nodes in this process")
	network := flags.Int("net", 43, "second octet of the nodes' addresses, 127.NET.x.y")
	parts := flags.String("parts", "rest,broadcast,crash", "what to measure once all see all")
	rest := flags.Float64("rest", 30, "length of the window at rest, seconds")
	broadcasts := flags.Int("broadcasts", 9, "repeats of the broadcast")
	crashes := flags.Int("crashes", 3, "repeats of the crash")
	limit := flags.Float64("limit", 180, "longest wait until all see all, seconds")
	round := flags.Float64("round", 0.3, "length of one codec measurement, seconds")
	_ = flags.Parse(os.Args[2:])

	var result any
	switch os.Args[1] {
	case "codec":
		result = codecs(seconds(*round))
	case "rush":
		result = rush(*n, *network, seconds(*limit))
	case "cluster":
		result = scenario(options{
			n: *n, network: *network, parts: strings.Split(*parts, ","), rest: seconds(*rest),
			broadcasts: *broadcasts, crashes: *crashes, limit: seconds(*limit),
		})
	default:
		fail("unknown part " + os.Args[1])
	}
	out, err := json.Marshal(map[string]any{"what": versions(), "result": result})
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(string(out))
}

// versions names the library and the compiler that this binary was made with.
func versions() string {
	text := runtime.Version()
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if strings.HasSuffix(dep.Path, "/memberlist") {
				text = "memberlist " + dep.Version + ", " + text
			}
		}
	}
	return text
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func fail(text string) {
	fmt.Fprintln(os.Stderr, "memberlist-bench: "+text)
	os.Exit(1)
}
