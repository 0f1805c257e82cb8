// Who started whom: all processes of a runtime as a tree.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otp/base/order.hpp"
#include "otp/process/introspection.hpp"

namespace otp::inline OTP_ABI {

/// The processes of a runtime at a moment, each below the one that started it; one whose parent is gone stands at the top.
/// A value. What observer's Applications page shows.
struct process_tree {
    struct entry {
        process_info info;
        std::vector<std::size_t> children;  ///< their places in `entries`, in the order of their start
    };
    std::vector<entry> entries;      ///< in the order of their start
    std::vector<std::size_t> roots;  ///< those without a living parent

    /// For Graphviz: `dot -Tsvg`. An edge carries the child's id.
    [[nodiscard]] std::string dot() const {
        std::string text{"digraph processes {\n    rankdir=LR;\n    node [shape=box];\n"};
        for (const auto& e : entries) {
            const auto& p = e.info;
            text += "    p" + std::to_string(p.pid.number()) + " [label=\"";
            add_escaped(text, p.pid.to_string());
            for (const std::string_view line : {std::string_view{p.name}, p.callbacks.empty() ? p.initial_call : p.callbacks, std::string_view{p.label}}) {
                if (line.empty()) continue;
                text += "\\n";
                add_escaped(text, line);
            }
            text += "\"];\n";
        }
        for (const auto& e : entries)
            for (const auto at : e.children) {
                const auto& child = entries[at].info;
                text += "    p" + std::to_string(e.info.pid.number()) + " -> p" + std::to_string(child.pid.number());
                if (!child.child_id.empty()) {
                    text += " [label=\"";
                    add_escaped(text, child.child_id);
                    text += "\"]";
                }
                text += ";\n";
            }
        return text + "}\n";
    }

private:
    static void add_escaped(std::string& text, std::string_view raw) {
        for (const char c : raw) {
            if (c == '"' || c == '\\') text += '\\';
            text += c == '\n' ? ' ' : c;
        }
    }
};

/// A line for each process, its children indented below it.
[[nodiscard]] inline std::string to_string(const process_tree& tree) {
    std::string text;
    // Depth first, without recursion: a chain of parents may be long.
    std::vector<std::pair<std::size_t, std::size_t>> left;
    for (auto at = tree.roots.rbegin(); at != tree.roots.rend(); ++at) left.emplace_back(*at, 0);
    while (!left.empty()) {
        const auto [at, depth] = left.back();
        left.pop_back();
        const auto& e = tree.entries[at];
        if (!text.empty()) text += '\n';
        text.append(2 * depth, ' ');
        if (!e.info.child_id.empty()) text += '"' + e.info.child_id + "\" ";
        text += to_string(e.info);
        for (auto child = e.children.rbegin(); child != e.children.rend(); ++child) left.emplace_back(*child, depth + 1);
    }
    return text;
}

/// The processes of the current runtime by who started whom. Stops nobody. Any thread.
[[nodiscard]] inline process_tree tree() {
    process_tree made;
    for (auto& each : processes()) made.entries.push_back({std::move(each), {}});
    for (std::size_t i = 0; i != made.entries.size(); ++i) {
        const pid& parent = made.entries[i].info.parent;
        const auto at = base::first_not(made.entries.data(), made.entries.size(), [&](const process_tree::entry& e) { return e.info.pid < parent; });
        if (parent && at != made.entries.size() && made.entries[at].info.pid == parent) made.entries[at].children.push_back(i);
        else made.roots.push_back(i);
    }
    return made;
}

}  // namespace otp::inline OTP_ABI
