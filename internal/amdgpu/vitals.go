package amdgpu

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
)

// vitals are the signs of health of a physical GPU.
type vitals struct {
	why      string // why some of it is not known; "" = the counters all are
	errors   []errorCount
	pending  int           // pages of VRAM that are bad and still in use
	failed   int           // pages of VRAM that could not be taken out of use
	rate     fact[float64] // PCIe, GT/s
	width    fact[uint64]  // PCIe lanes
	junction fact[uint64]  // thousandths of °C
	critical fact[uint64]
}

// errorCount is the uncorrectable errors of one block (umc, gfx, sdma, …) since
// the driver was loaded.
type errorCount struct {
	block string
	count fact[uint64]
}

// readVitals reads the signs of health in the folder of a PCI function.
func readVitals(v *view, dir string) vitals {
	h := vitals{
		rate:  readRate(v, dir+"/current_link_speed"),
		width: v.number(dir + "/current_link_width"),
	}
	h.junction, h.critical = readJunction(v, dir+"/hwmon")
	names, err := v.list(dir + "/ras")
	if err != nil {
		h.why = because("ras", err) + ": memory errors are not seen"
		return h
	}
	slices.Sort(names)
	for _, name := range names {
		file, why := dir+"/ras/"+name, ""
		if block, ok := strings.CutSuffix(name, "_err_count"); ok {
			count := readUncorrectable(v, file)
			h.errors = append(h.errors, errorCount{block, count})
			why = count.why
		}
		if name == "gpu_vram_bad_pages" {
			h.pending, h.failed, why = readBadPages(v, file)
		}
		h.why = cmp.Or(h.why, why)
	}
	return h
}

// readUncorrectable reads the "ue: N" line of a counter; "ce:" lines are errors
// that were corrected.
func readUncorrectable(v *view, file string) fact[uint64] {
	b, err := v.bytes(file)
	if err != nil {
		return missing[uint64](because("ras/"+path.Base(file), err))
	}
	for line := range bytes.Lines(b) {
		text, ok := bytes.CutPrefix(line, []byte("ue:"))
		if n, isNumber := decimal(bytes.TrimSpace(text)); ok && isNumber {
			return known(n)
		}
	}
	return missing[uint64]("ras/" + path.Base(file) + " has no ue count")
}

// readBadPages counts lines "address : size : flag": P is pending, F could not
// be reserved, R is retired and harmless.
func readBadPages(v *view, file string) (pending, failed int, why string) {
	b, err := v.bytes(file)
	if err != nil {
		return 0, 0, because("ras/"+path.Base(file), err)
	}
	for line := range bytes.Lines(b) {
		switch flag := line[bytes.LastIndexByte(line, ':')+1:]; string(bytes.TrimSpace(flag)) {
		case "P":
			pending++
		case "F":
			failed++
		}
	}
	return pending, failed, ""
}

// readRate reads "32.0 GT/s PCIe"; a link that is down reads "Unknown".
func readRate(v *view, file string) fact[float64] {
	t := v.text(file)
	if !t.known() {
		return missing[float64](t.why)
	}
	number, _, _ := strings.Cut(t.value, " ")
	gts, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return missing[float64]("current_link_speed is " + clip([]byte(t.value)))
	}
	return known(gts)
}

// readJunction finds the sensor labelled junction: temp2 so far, but only the
// label is a promise.
func readJunction(v *view, dir string) (now, critical fact[uint64]) {
	none := missing[uint64]("no junction sensor")
	chips, err := v.list(dir)
	if err != nil {
		return none, none
	}
	for _, chip := range numbered(chips, "hwmon") {
		for _, sensor := range []string{"2", "1", "3"} {
			temp := dir + "/hwmon" + strconv.Itoa(chip) + "/temp" + sensor
			if v.text(temp+"_label").value == "junction" {
				return v.number(temp + "_input"), v.number(temp + "_crit")
			}
		}
	}
	return none, none
}
