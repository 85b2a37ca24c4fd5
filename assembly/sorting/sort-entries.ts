// What sorting kernels sort: unsigned integers that order as the values do, alone or with the position of the element behind
// them. NaN is the greatest of all, as in NumPy and PyTorch, and the two zeros are equal. An entry is
//   u32    a key of 32 bits                      u64   a key of 64 bits, or (key << 32 | position)
//   v128   a key of 64 bits, then the position
// Knows no order but the ascending one: keys of a descending sort are inverted. Read next: sort-radix.ts.

export class Key {
  /** The bits of a value so flipped that they order as values do. Negative zero comes before zero, NaN has its sign's place. */
  @inline private static bits<T extends number, K extends number>(value: T): K {
    if (isFloat<T>()) {
      if (sizeof<T>() == 4) {
        const own = reinterpret<i32>(value as f32);
        return (own ^ ((own >> 31) | i32.MIN_VALUE)) as u32 as K;
      }
      const own = reinterpret<i64>(value as f64);
      return (own ^ ((own >> 63) | i64.MIN_VALUE)) as u64 as K;
    }
    if (isSigned<T>()) return ((value as i32) ^ i32.MIN_VALUE) as u32 as K;
    return value as u32 as K;
  }

  /** The key of a value: the same for the two zeros, the greatest for NaN. */
  @inline static of<T extends number, K extends number>(value: T): K {
    if (isFloat<T>()) {
      const key = Key.bits<T, K>((value + (0 as T)) as T);
      return select<K>(key, ~(0 as K) as K, value == value);
    }
    return Key.bits<T, K>(value);
  }

  /** The same, with the two zeros told apart, so that `value` can bring both back. */
  @inline static exact<T extends number, K extends number>(value: T): K {
    if (isFloat<T>()) return select<K>(Key.bits<T, K>(value), ~(0 as K) as K, value == value);
    return Key.bits<T, K>(value);
  }

  /** The value of an exact key; some NaN for that of NaN. */
  @inline static value<T extends number, K extends number>(key: K): T {
    if (isFloat<T>()) {
      if (sizeof<T>() == 4) {
        const own = key as i32;
        return reinterpret<f32>(own ^ (~(own >> 31) | i32.MIN_VALUE)) as T;
      }
      const own = key as i64;
      return reinterpret<f64>(own ^ (~(own >> 63) | i64.MIN_VALUE)) as T;
    }
    if (isSigned<T>()) return ((key as i32) ^ i32.MIN_VALUE) as T;
    return key as u32 as T;
  }
}

export class Entry {
  /** Stores the key of element `position` with its position. E is u64 for keys of 32 bits, v128 for those of 64. */
  @inline static store<E, K extends number>(entry: usize, key: K, position: i32): void {
    if (sizeof<E>() == 8) {
      store<u64>(entry, ((key as u64) << 32) | (position as u32 as u64));
    } else {
      store<u64>(entry, key as u64);
      store<u64>(entry, position as u32 as u64, 8);
    }
  }

  @inline static key<E, K extends number>(entry: usize): K {
    return load<K>(entry, sizeof<E>() == 8 ? 4 : 0);
  }

  @inline static position<E>(entry: usize): i32 {
    return load<i32>(entry, sizeof<E>() == 8 ? 0 : 8);
  }

  /** Whether an entry belongs before another one; entries of equal keys by their position. */
  @inline static precedes<E>(a: usize, b: usize): bool {
    const first = load<u64>(a);
    const second = load<u64>(b);
    if (sizeof<E>() == 8) return first < second;
    return first < second || (first == second && load<u64>(a, 8) < load<u64>(b, 8));
  }
}
