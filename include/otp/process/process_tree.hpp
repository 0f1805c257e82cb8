// Who started whom: all processes of a runtime as a tree.
#pragma once

#include <concepts>
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
template <std::same_as<process_tree> Tree>  // compiled where it is called
[[nodiscard]] std::string to_string(const Tree& tree) {
    struct step {
        std::size_t at;
        std::size_t depth;
    };
    std::string text;
    // Depth first, without recursion: a chain of parents may be long.
    std::vector<step> left;
    const auto add = [&left](const std::vector<std::size_t>& places, std::size_t depth) {
        for (std::size_t i = places.size(); i-- > 0;) left.push_back({places[i], depth});
    };
    add(tree.roots, 0);
    while (!left.empty()) {
        const step now = left.back();
        left.pop_back();
        const auto& e = tree.entries[now.at];
        if (!text.empty()) text += '\n';
        text.append(2 * now.depth, ' ');
        if (!e.info.child_id.empty()) text += '"' + e.info.child_id + "\" ";
        text += to_string(e.info);
        add(e.children, now.depth + 1);
    }
    return text;
}

/// The processes of the current runtime by who started whom. Stops nobody. Any thread.
template <std::same_as<process_tree> Tree = process_tree>  // compiled where it is called
[[nodiscard]] Tree tree() {
    Tree made;
    for (auto& each : processes()) made.entries.push_back({std::move(each), {}});
    for (std::size_t i = 0; i != made.entries.size(); ++i) {
        const pid& parent = made.entries[i].info.parent;
        const auto at = base::first_not(made.entries.data(), made.entries.size(), [&](const typename Tree::entry& e) { return e.info.pid < parent; });
        if (parent && at != made.entries.size() && made.entries[at].info.pid == parent) made.entries[at].children.push_back(i);
        else made.roots.push_back(i);
    }
    return made;
}

}  // namespace otp::inline OTP_ABI
