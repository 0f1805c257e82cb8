# Medians and verdicts. Reads `goals`, then lines of results: library metric value unit; a line for each round.
function trim(s) { gsub(/^ +| +$/, "", s); return s }

function median(lib, metric,    n, i, k, t, v) {
    n = count[lib, metric]
    for (i = 1; i <= n; i++) v[i] = value[lib, metric, i]
    for (i = 2; i <= n; i++)
        for (k = i; k > 1 && v[k - 1] > v[k]; k--) { t = v[k]; v[k] = v[k - 1]; v[k - 1] = t }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function more_is_better(metric) { return unit[metric] ~ /\/s$/ }
function has(lib, metric) { return (lib, metric) in count }

function best(metric,    i, v, found) {
    found = ""
    for (i = 1; i <= libraries; i++) {
        if (library[i] ~ /^(otp|epoll|std)$/ || !has(library[i], metric)) continue
        v = median(library[i], metric)
        if (found == "" || (more_is_better(metric) ? v > found : v < found)) found = v
    }
    return found
}

# The figure a goal names, or "" if it was not measured.
function figure(text, metric,    lib, at) {
    if (text ~ /^[0-9.]+$/) return text + 0
    if (text == "best") return best(metric)
    lib = text
    if ((at = index(text, ".")) > 0) { lib = substr(text, 1, at - 1); metric = substr(text, at + 1) }
    return has(lib, metric) ? median(lib, metric) : ""
}

function bound(text, metric,    at, of) {
    if ((at = index(text, "*")) > 0) {
        of = figure(substr(text, at + 1), metric)
        return of == "" ? "" : substr(text, 1, at - 1) * of
    }
    if ((at = index(text, "/")) > 0) {
        of = figure(substr(text, 1, at - 1), metric)
        return of == "" ? "" : of / substr(text, at + 1)
    }
    return figure(text, metric)
}

function verdict(metric, wanted,    n, i, terms, limit, ours, missed, open) {
    n = split(wanted, terms, / +/)
    if (wanted == "" || !has("otp", metric)) return ""
    ours = median("otp", metric)
    for (i = 1; i <= n; i++) {
        limit = bound(substr(terms[i], 3), metric)
        if (limit == "") open = open " " terms[i]
        else if (terms[i] ~ /^<=/ ? ours > limit : ours < limit) missed = missed " " terms[i]
    }
    if (missed != "") { not_met++; return "no:" missed }
    if (open != "") return "not compared:" open
    met++
    return "yes"
}

function digits(v,    text, sign) {
    if (v >= 100 || v <= -100) text = sprintf("%.0f", v)
    else if (v >= 10 || v <= -10) text = sprintf("%.1f", v)
    else text = sprintf("%.2f", v)
    sign = sub(/^-/, "", text) ? "-" : ""
    while (text ~ /[0-9][0-9][0-9][0-9]($|,)/) text = group(text)
    return sign text
}
function group(text) {
    match(text, /[0-9][0-9][0-9]($|,)/)
    return substr(text, 1, RSTART - 1) "," substr(text, RSTART)
}

# How much better ours is than the peer's: 2.0x is twice as fast, or half the memory.
function cell(lib, metric,    theirs, ours, text) {
    if (!has(lib, metric)) return "-"
    theirs = median(lib, metric)
    text = digits(theirs)
    if (!has("otp", metric)) return text
    ours = median("otp", metric)
    if (theirs <= 0 || ours <= 0) return text
    return text sprintf(" (%.2fx)", more_is_better(metric) ? ours / theirs : theirs / ours)
}

function put(row, column, text) {
    if (length(text) > width[column]) width[column] = length(text)
    grid[row, column] = text
}

function print_section(name,    r, c, rows, columns, i, used, line) {
    split("", grid); split("", width); split("", used)
    rows = 1
    columns = 3
    for (i = 1; i <= libraries; i++)
        for (r = 1; r <= goals; r++)
            if (section[r] == name && library[i] != "otp" && has(library[i], metric[r])) used[i] = 1
    put(1, 1, "workload"); put(1, 2, "unit"); put(1, 3, "otp")
    for (i = 1; i <= libraries; i++) if (i in used) put(1, ++columns, library[i])
    put(1, columns + 1, "goal"); put(1, columns + 2, "met")
    for (r = 1; r <= goals; r++) {
        if (section[r] != name || !(metric[r] in unit)) continue
        rows++
        put(rows, 1, workload[r]); put(rows, 2, unit[metric[r]])
        put(rows, 3, has("otp", metric[r]) ? digits(median("otp", metric[r])) : "-")
        c = 3
        for (i = 1; i <= libraries; i++) if (i in used) put(rows, ++c, cell(library[i], metric[r]))
        put(rows, c + 1, goal[r]); put(rows, c + 2, verdict(metric[r], goal[r]))
    }
    if (rows == 1) return
    for (r = 1; r <= rows; r++) {
        line = "|"
        for (c = 1; c <= columns + 2; c++)
            line = line sprintf(c == 1 || c > columns ? " %-" width[c] "s |" : " %" width[c] "s |", grid[r, c])
        print line
        if (r > 1) continue
        line = "|"
        for (c = 1; c <= columns + 2; c++) {
            rule = sprintf("%" width[c] "s", "")
            gsub(/ /, "-", rule)
            line = line (c == 1 || c > columns ? " " rule " |" : " " substr(rule, 2) ": |")
        }
        print line
    }
    print ""
}

BEGIN { libraries = split(order, library, / +/) }

FNR == NR {
    if ($0 ~ /^#/ || $0 !~ /\|/) next
    split($0, field, "|")
    goals++
    section[goals] = trim(field[1]); metric[goals] = trim(field[2])
    workload[goals] = trim(field[3]); goal[goals] = trim(field[4])
    next
}
NF == 4 {
    seen[$1] = 1
    value[$1, $2, ++count[$1, $2]] = $3
    unit[$2] = $4
}
END {
    print_section("messaging")
    print_section("sockets")
    print_section("compile")
    if ("otp" in seen) printf "goals met: %d of %d\n", met, met + not_met
}
