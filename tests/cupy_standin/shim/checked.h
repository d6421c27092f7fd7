// Pointer parameters of a kernel: they know what array they came from, and nobody reads or writes beside it.
#pragma once

namespace standin {

struct Failure {
    char text[400];
};

template <class... Values>
[[noreturn, gnu::noinline, gnu::cold]] void fail(const char* format, Values... values) {
    Failure failure;
    std::snprintf(failure.text, sizeof failure.text, format, values...);
    throw failure;
}

template <class T>
struct checked {
    T* at;
    const char* low;   // first byte of the array
    const char* high;  // first byte behind it
    const char* name;  // the parameter's

    [[noreturn, gnu::noinline, gnu::cold]] void outside(long long index) const {
        long long first = ((const char*)at - low) / (long long)sizeof(T) + index;
        fail("`%s` has %lld elements, and its element %lld is used", name, (high - low) / (long long)sizeof(T), first);
    }
    template <class Index, class = std::enable_if_t<std::is_integral_v<Index>>>
    T& operator[](Index index) const {
        T* element = at + index;
        if ((const char*)element < low || (const char*)(element + 1) > high) outside((long long)index);
        return *element;
    }
    T& operator*() const { return (*this)[0]; }
    T* operator->() const { return &(*this)[0]; }
    template <class Index, class = std::enable_if_t<std::is_integral_v<Index>>>
    checked operator+(Index offset) const { return {at + offset, low, high, name}; }
    template <class Index, class = std::enable_if_t<std::is_integral_v<Index>>>
    checked operator-(Index offset) const { return {at - offset, low, high, name}; }
    template <class Index, class = std::enable_if_t<std::is_integral_v<Index>>>
    checked& operator+=(Index offset) { at += offset; return *this; }
    checked& operator++() { ++at; return *this; }
    operator T*() const { return at; }
    operator checked<const T>() const { return {at, low, high, name}; }
};

// reinterpret_cast, which the source's own is replaced by: vectors must lie where the device can load them.
template <class To, class T>
auto cast(const checked<T>& pointer) {
    using Element = std::remove_pointer_t<To>;
    if ((unsigned long long)pointer.at % alignof(Element)) {
        fail("`%s` is read as vectors of %d bytes, and does not lie at a multiple of that", pointer.name, (int)alignof(Element));
    }
    return checked<Element>{(To)pointer.at, pointer.low, pointer.high, pointer.name};
}
template <class To, class From>
To cast(From* pointer) { return reinterpret_cast<To>(pointer); }

// An argument of type T, from the word that holds its bits.
template <class T>
T from_word(unsigned long long word) {
    T value;
    std::memcpy(&value, &word, sizeof value);
    return value;
}

}  // namespace standin

template <class T> static inline std::remove_const_t<T> __ldg(const T* pointer) { return *pointer; }
template <class T> static inline std::remove_const_t<T> __ldg(standin::checked<T> pointer) { return *pointer; }
template <class T> static inline std::remove_const_t<T> __ldcs(const T* pointer) { return *pointer; }
template <class T> static inline std::remove_const_t<T> __ldcs(standin::checked<T> pointer) { return *pointer; }
template <class T> static inline void __stcs(T* pointer, T value) { *pointer = value; }
template <class T> static inline void __stcs(standin::checked<T> pointer, T value) { *pointer = value; }
